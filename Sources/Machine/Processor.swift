/// The processor of this machine, as far as results may depend on it.
package enum Processor {
    /// The instruction sets by which the engine chooses its kernels.
    private static let kernels: Set<Substring> = [
        "avx", "avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_vnni", "avx512_bf16", "avx_vnni", "amx_tile",
        "amx_int8", "amx_bf16", "asimd", "asimddp", "asimdhp", "i8mm", "bf16", "sve",
    ]

    /// Tells whether a processor has products of bfloat16 numbers, without which computing in them is slower than in float32.
    /// - Parameter name: the processor, as `name` has it.
    package static func multipliesBFloat16(_ name: String = name) -> Bool {
        !Set(name.split(separator: " ")).isDisjoint(with: ["avx512_bf16", "amx_bf16"])
    }

    /// The model of the processor and those of `kernels` that it has, such as "AMD EPYC: avx avx2 fma".
    package static let name: String = {
        let lines = Pseudofile.text("/proc/cpuinfo")?.split(separator: "\n") ?? []
        func value(_ keys: String...) -> Substring? {
            for line in lines {
                let parts = line.split(separator: ":", maxSplits: 1)
                if parts.count == 2, keys.contains(where: { parts[0].hasPrefix($0) }) { return parts[1].drop { $0 == " " } }
            }
            return nil
        }
        let model = value("model name", "CPU part") ?? "unknown"
        let flags = value("flags", "Features")?.split(separator: " ").filter(kernels.contains).sorted() ?? []
        return "\(model): \(flags.joined(separator: " "))"
    }()
}
