import ONNX
import Tensors
import Testing

@Suite struct GraphBuilderTests {
    @Test func newNamesAvoidThoseOfTheGraphAndOfItsSubgraphs() {
        var inner = Graph(outputs: [Value("g/Add", nil)])
        inner.nodes = [Node("Identity", ["x"], ["g/Add"])]
        let graph = Graph(nodes: [Node("If", ["c"], ["y"], [Attribute("then_branch", .graph(inner))])])
        var builder = GraphBuilder(extending: graph, prefix: "g/")
        #expect(builder.add("Add", ["x", "y"]) == "g/Add_1")
        #expect(builder.add("Add", ["x", "y"]) == "g/Add_2")
    }

    @Test func equalSmallConstantsAreMadeOnceAndOthersApart() {
        var builder = GraphBuilder(extending: Graph(), prefix: "")
        let one = builder.scalar(1)
        #expect(builder.scalar(1) == one)
        #expect(builder.scalar(1, .float64) != one)
        #expect(builder.integers([1]) != builder.integers([1, 1]))
        let graph = Graph(initializers: builder.initializers)
        #expect(graph.initializers.count == 4)
        #expect(graph.initializer(one)?.shape == [])
    }
}
