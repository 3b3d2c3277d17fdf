import Foundation
import TestSupport

@testable import Nodes

/// A shell script in place of `millrace worker`, and the folder that it joins. It writes its name into `joined` there, and ends after its
/// time without a file `work`. With a file `broken` it ends at once; with a file `deaf` it runs and does not join.
struct StandInWorker: Sendable {
    let folder: String
    let program: String

    /// - Parameter folder: the name of its folder, which may be one that a shell could take for more.
    init(in directory: TemporaryDirectory, folder name: String = "workers") throws {
        folder = directory(name)
        program = try directory.write(
            """
            #!/bin/sh
            [ "$1" = worker ] || exit 64
            while [ $# -gt 0 ]; do
                case "$1" in
                --join) folder=$2 ;;
                --idle) idle=${2%s} ;;
                --name) name=$2 ;;
                esac
                shift
            done
            if [ -e "$folder/broken" ]; then echo "no licence on this machine" >&2; exit 3; fi
            if [ -e "$folder/deaf" ]; then echo "the daemon cannot be reached"; exec sleep 1000; fi
            trap 'rm -f "$folder/joined/$name"; exit 0' TERM INT EXIT
            : >"$folder/joined/$name"
            left=$idle
            while [ -z "$idle" ] || [ "$left" -gt 0 ]; do
                sleep 1
                if [ -e "$folder/work" ]; then left=$idle; else left=$((left - 1)); fi
            done
            """, to: "bin/millrace")
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program)
        try FileManager.default.createDirectory(atPath: folder + "/joined", withIntermediateDirectories: true)
    }

    func command(idle: Int = 2) -> WorkerCommand { WorkerCommand(program: program, folder: folder, idle: .seconds(idle), attempts: 1) }

    var joined: Set<String> { Set((try? FileManager.default.contentsOfDirectory(atPath: folder + "/joined")) ?? []) }

    func make(_ name: String) { _ = FileManager.default.createFile(atPath: folder + "/" + name, contents: nil) }
    func remove(_ name: String) { try? FileManager.default.removeItem(atPath: folder + "/" + name) }
}
