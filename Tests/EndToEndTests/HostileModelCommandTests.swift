import Foundation
import Glibc
import TestSupport
import Testing

/// Commands that read a model which somebody made to reach another file: each says why it does not, and writes nothing.
@Suite struct HostileModelCommandTests {
    struct Trick: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let location: String
        let words: String
    }

    static let tricks = [
        Trick(testDescription: "upwards", location: "../secret", words: "goes up with '..'"),
        Trick(testDescription: "absolute", location: "/etc/hostname", words: "the path is absolute"),
        Trick(testDescription: "symbolic link", location: "link.bin", words: "symbolic link"),
        Trick(testDescription: "folder behind a link", location: "linked/secret", words: "symbolic link"),
        Trick(testDescription: "hard link", location: "hard.bin", words: "2 hard links"),
        Trick(testDescription: "address in memory", location: "*/_ORT_MEM_ADDR_/*", words: "memory address marker"),
        Trick(testDescription: "FIFO", location: "pipe", words: "not a regular file"),
    ]

    static let commands = [
        "forward M D OUT.csv", "backward M D --loss mean_squared_error --label y --out OUT.npz", "gradients M", "bench M --data D",
        "diff M M", "optimize M --data D --out OUT", "optimize M --labelled D --loss mean_squared_error --label y --out OUT",
        "merge M A OUT", "reserialize M OUT", "lint P --model M",
    ]

    @Test(arguments: tricks) func eachCommandSaysWhy(_ trick: Trick) throws {
        let folder = try TemporaryDirectory("hostile-command")
        try folder.write([UInt8](repeating: 1, count: 64), to: "secret")
        try folder.write(TinyModel.withExternalData(location: trick.location), to: "model/m.onnx")
        try folder.write("id,x,y\nr,1,2\n", to: "d.csv")
        try folder.write("adapter", to: "a.safetensors")
        try folder.write(scoringPipeline, to: "p.yaml")
        let model = folder("model/")
        #expect(symlink(folder("secret"), model + "link.bin") == 0 && symlink("..", model + "linked") == 0)
        #expect(link(folder("secret"), model + "hard.bin") == 0 && mkfifo(model + "pipe", 0o644) == 0)
        for command in Self.commands {
            let words = command.split(separator: " ").map { word in
                switch word {
                case "M": model + "m.onnx"
                case "D": folder("d.csv")
                case "A": folder("a.safetensors")
                case "P": folder("p.yaml")
                case let out where out.hasPrefix("OUT"): folder(String(out))
                default: String(word)
                }
            }
            let result = try DaemonProcess.command(words)
            let said = result.output + result.error
            #expect(result.status != 0 && said.contains(trick.words), "\(command): \(result.status) \(said)")
            #expect(folder.files().allSatisfy { !$0.hasPrefix("OUT") }, "\(command): \(folder.files())")
        }
    }
}
