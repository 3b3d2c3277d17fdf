import Foundation
import FuzzTargets

/// Chooses the format that MILLRACE_FUZZ names. With MILLRACE_FUZZ_SEEDS it writes the inputs to begin with into that folder, and ends.
@_cdecl("LLVMFuzzerInitialize")
public func initialize(_ count: UnsafeMutableRawPointer, _ arguments: UnsafeMutableRawPointer) -> CInt {
    let environment = ProcessInfo.processInfo.environment
    guard Fuzzing.choose(environment["MILLRACE_FUZZ"] ?? "") else {
        FileHandle.standardError.write(Data("fuzz: MILLRACE_FUZZ names no format\n".utf8))
        exit(2)
    }
    if let folder = environment["MILLRACE_FUZZ_SEEDS"] {
        Fuzzing.writeSeeds(to: folder)
        exit(0)
    }
    return 0
}

@_cdecl("LLVMFuzzerTestOneInput")
public func feed(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    Fuzzing.feed(UnsafeBufferPointer(start: bytes, count: count))
    return 0
}
