import Foundation

/// Is what the package in `Tests/Fuzzing`, which is another one, sees of the targets.
public enum Fuzzing {
    nonisolated(unsafe) private static var bench: FuzzBench?

    /// Chooses the format that `feed` reads. Returns false where there is none of that name.
    public static func choose(_ format: String) -> Bool {
        bench = FuzzTarget(rawValue: format).flatMap { try? FuzzBench($0) }
        return bench != nil
    }

    /// Writes the inputs to begin with into a folder, each as a file.
    public static func writeSeeds(to folder: String) {
        for (number, seed) in (bench?.target.seeds ?? []).enumerated() {
            _ = FileManager.default.createFile(atPath: "\(folder)/seed-\(number)", contents: Data(seed))
        }
    }

    public static func feed(_ bytes: UnsafeBufferPointer<UInt8>) { _ = bench?.feed(Array(bytes)) }
}
