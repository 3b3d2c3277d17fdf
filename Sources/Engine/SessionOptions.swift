package import Machine

/// Holds the options of a session. They are part of the key of a cached session.
package struct SessionOptions: Sendable, Hashable {
    package enum Optimization: String, Sendable, Hashable, CaseIterable {
        case none, basic, extended, all
    }

    /// The engine that runs the model.
    package var engine: EngineChoice
    /// The number of threads inside one operator. With 1 the caller's thread does all the work and no pool is made.
    package var threads: Int
    package var optimization: Optimization
    /// Tells whether pool threads busy-wait between operators. It is off by default, because an idle daemon must not use CPU.
    package var spinning: Bool
    /// Tells whether freed scratch memory is kept for the next run. It is on by default, because without it `malloc` keeps more and serves
    /// it slower.
    package var memoryArena: Bool
    /// Tells whether the scratch memory of each input shape is planned as one block. It is off by default: the plans are kept for every
    /// shape that was ever seen, take a third more memory where that is large, and were not faster.
    package var memoryPattern: Bool
    /// Tells whether weights are also laid out for the machine's kernels, which makes runs faster and takes more memory.
    package var prepacking: Bool
    package var deterministic: Bool
    /// The extents of symbolic dimensions, by name, which are fixed before the graph is optimized.
    package var freeDimensions: [String: Int]

    package init(
        threads: Int = 1, optimization: Optimization = .all, spinning: Bool = false, memoryArena: Bool = true,
        memoryPattern: Bool = false, prepacking: Bool = true, deterministic: Bool = false, freeDimensions: [String: Int] = [:],
        engine: EngineChoice = .onnxRuntime
    ) {
        self.engine = engine
        self.threads = threads
        self.optimization = optimization
        self.spinning = spinning
        self.memoryArena = memoryArena
        self.memoryPattern = memoryPattern
        self.prepacking = prepacking
        self.deterministic = deterministic
        self.freeDimensions = freeDimensions
    }
}
