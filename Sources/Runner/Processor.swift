import Foundation

/// The processor of this machine, as far as results may depend on it.
enum Processor {
    /// The instruction sets by which the engine chooses its kernels.
    private static let kernels: Set<Substring> = [
        "avx", "avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_vnni", "avx512_bf16", "avx_vnni", "amx_tile",
        "amx_int8", "amx_bf16", "asimd", "asimddp", "asimdhp", "i8mm", "bf16", "sve",
    ]

    /// The model of the processor and those of `kernels` that it has, such as "AMD EPYC: avx avx2 fma".
    static let name: String = {
        let lines = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?.split(separator: "\n") ?? []
        func value(_ keys: String...) -> Substring? {
            for line in lines {
                let parts = line.split(separator: ":", maxSplits: 1)
                if parts.count == 2, keys.contains(parts[0].trimmingCharacters(in: .whitespaces)) { return parts[1] }
            }
            return nil
        }
        let model = value("model name", "CPU part")?.trimmingCharacters(in: .whitespaces) ?? "unknown"
        let flags = value("flags", "Features")?.split(separator: " ").filter(kernels.contains).sorted() ?? []
        return "\(model): \(flags.joined(separator: " "))"
    }()
}
