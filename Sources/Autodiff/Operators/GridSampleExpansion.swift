import ONNX
import Tensors

/// Expands GridSample-22, which reads `[N, C, ...]` at the places in `grid` `[N, ..., d]`, whose last axis names the innermost spatial axis
/// first. All neighbours of a place are gathered and weighted; the weights are polynomials of the position of the place between them.
enum GridSampleExpansion {
    @Sendable static func outputs(_ c: RuleContext) throws(AutodiffError) -> [Symbol?] {
        let count = try c.rank() - 2
        guard let images = c.x.fixedExtents?.dropFirst(2) else { throw c.refused("the spatial extents of its input are not known") }
        let padding = c.string("padding_mode", "zeros")
        let graph = c.graph
        var axes: [Axis] = []
        for (axis, extent) in images.enumerated() {
            let part = c.b.apply("Gather", [graph.constant(.int64, [], [Int64(count - 1 - axis)])], [Attribute("axis", .int(-1))])
                .reshaped(to: graph.integers([0, -1]), extents: [.unknown, .unknown])
            axes.append(
                Axis(part, extent: extent, corners: c.int("align_corners") == 1, padding: padding, mode: c.string("mode", "linear")))
        }
        var choices: [[Int]] = [[]]
        for axis in axes { choices = choices.flatMap { head in axis.neighbours.indices.map { head + [$0] } } }
        let flat = c.x.reshaped([0, 0, -1]).stating([c.x.extents?[0] ?? .unknown, c.x.extents?[1] ?? .unknown, .fixed(images.reduce(1, *))])
        var sum: Symbol?
        for choice in choices {
            var place: Symbol?, weight: Symbol?
            for (axis, chosen) in zip(axes, choice) {
                let neighbour = axis.neighbours[chosen]
                place = place.map { $0 * Double(axis.extent) + neighbour.place } ?? neighbour.place
                if let own = neighbour.weight { weight = weight.map { $0 * own } ?? own }
            }
            guard let place else { continue }
            let index = place.cast(to: .int64).unsqueezed([1])
            let every = index.apply(
                "Expand", [graph.integers([1]).concatenated([c.x.extent(1), graph.integers([1])])], extents: [.unknown, .unknown, .unknown])
            let value = flat.apply("GatherElements", [every], [Attribute("axis", .int(2))], extents: [.unknown, .unknown, .unknown])
            let part = weight.map { value * $0.unsqueezed([1]) } ?? value
            sum = sum.map { $0 + part } ?? part
        }
        return [sum?.reshaped(to: c.y.apply("Shape", type: .int64), extents: c.y.extents)]
    }

    /// Describes one spatial axis: the elements between which a place `[N, P]` is, and the weight of each.
    private struct Axis {
        let extent: Int
        private(set) var neighbours: [(place: Symbol, weight: Symbol?)] = []

        init(_ grid: Symbol, extent: Int, corners: Bool, padding: String, mode: String) {
            self.extent = extent
            let last = Double(extent - 1)
            // The values -1 and 1 mean the centres of the outermost elements, or their outer edges.
            var place = corners ? (grid + 1) * (last / 2) : (grid + 1) * (Double(extent) / 2) - 0.5
            switch padding {
            case "border": place = place.clipped(0, last)
            case "reflection": place = Self.reflected(place, corners ? 0 : -0.5, corners ? last : last + 0.5)
            default: break
            }
            let base = mode == "nearest" ? place.map("Round") : place.map("Floor")
            let offsets: [(Int, Symbol?)]
            switch mode {
            case "nearest": offsets = [(0, nil)]
            case "cubic":
                let t = place - base
                offsets = [(-1, Self.outer(t + 1)), (0, Self.inner(t)), (1, Self.inner(1 - t)), (2, Self.outer(2 - t))]
            default:
                let t = place - base
                offsets = [(0, 1 - t), (1, t)]
            }
            for (offset, weight) in offsets {
                var element = base + Double(offset)
                var own = weight
                switch padding {
                case "border": break
                case "reflection": element = Self.reflected(element, corners ? 0 : -0.5, corners ? last : last + 0.5)
                default:
                    let inside = (element >= 0).and(element <= last).mask(grid.elementType)
                    own = own.map { $0 * inside } ?? inside
                }
                neighbours.append((element.clipped(0, last), own))
            }
        }

        /// Reflects places at both ends, as often as needed.
        private static func reflected(_ value: Symbol, _ low: Double, _ high: Double) -> Symbol {
            let span = max(high - low, 1e-6)
            let distance = (value - low).abs
            let folds = (distance / span).map("Floor")
            let rest = distance - folds * span
            let isOdd = (folds - (folds / 2).map("Floor") * 2) > 0.5
            return isOdd.select(high - rest, rest + low)
        }

        /// Returns the kernel of Keys (1981) with a = -0.75, for distances up to 1; `outer` is for distances from 1 to 2.
        private static func inner(_ x: Symbol) -> Symbol { (x * 1.25 - 2.25) * x.squared + 1 }
        private static func outer(_ x: Symbol) -> Symbol { ((x * -0.75 + 3.75) * x - 6) * x + 3 }
    }
}
