import Foundation
import TestSupport
import Testing

/// `Scripts/install` on the binary of the tests: what lands where, for whom it looks for libraries, and that it goes again.
@Suite struct InstallTests {
    private static let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    /// A debug build looks for Swift's libraries in the toolchain; a release build has them in it.
    private static let swiftLibraries: String = {
        // A file of /proc says that it has no bytes: it is read to its end.
        let bytes = try? FileHandle(forReadingAtPath: "/proc/self/maps")?.readToEnd()
        let maps = String(decoding: bytes ?? Data(), as: UTF8.self)
        let line = maps.split(separator: "\n").first { $0.hasSuffix("/libswiftCore.so") }
        let path = line?.split(separator: " ").last.map(String.init) ?? ""
        return (path as NSString).deletingLastPathComponent
    }()

    private let folder: TemporaryDirectory
    init() throws { folder = try TemporaryDirectory("install") }

    private struct Said { let status: Int32, output: String }

    /// With the PATH of sudo, which has no swift.
    @discardableResult
    private func run(_ command: String, destination: String? = nil) throws -> Said {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", command]
        process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
        var environment = [
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "MILLRACE_BINARY": DaemonProcess.binary.path,
            "LD_LIBRARY_PATH": Self.swiftLibraries,
        ]
        environment["DESTDIR"] = destination
        process.environment = environment
        let said = Pipe()
        process.standardOutput = said
        process.standardError = said
        try process.run()
        let bytes = said.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Said(status: process.terminationStatus, output: String(decoding: bytes, as: UTF8.self))
    }

    private var script: String { "'\(Self.package)/Scripts/install'" }

    @Test func aRelativePrefixIsInstalledAndRemoved() throws {
        try folder.write("theirs", to: "there/bin/other")
        let installed = try run("\(script) there")
        #expect(installed.status == 0, "\(installed.output)")
        let files = folder.files()
        for file in [
            "there/bin/millrace", "there/share/man/man1/millrace.1.gz", "there/share/bash-completion/completions/millrace",
            "there/share/zsh/site-functions/_millrace", "there/share/fish/vendor_completions.d/millrace.fish",
            "there/share/doc/millrace/LICENSE",
            "there/lib/systemd/system/millrace.service", "there/lib/sysusers.d/millrace.conf",
        ] {
            #expect(files.contains(file), "\(file)")
        }
        for checkout in try FileManager.default.contentsOfDirectory(atPath: Self.package + "/.build/checkouts") {
            #expect(files.contains { $0.hasPrefix("there/share/doc/millrace/licences/\(checkout)/LICENSE") }, "\(checkout)")
        }
        let unit = try String(contentsOfFile: folder("there/lib/systemd/system/millrace.service"), encoding: .utf8)
        #expect(unit.contains("ExecStart=\(folder("there/bin/millrace")) run") && unit.contains("User=millrace"))
        // Libraries are looked for beside the program, and nowhere in the checkout.
        let search = try run("readelf -d there/bin/millrace | grep -E 'RUNPATH|RPATH'").output
        #expect(search.contains("[$ORIGIN/../lib/millrace]"), "\(search)")
        #expect(try run("there/bin/millrace --version").status == 0)
        // `file` may be missing where tests run; a stripped program has no symbols.
        #expect(try run("readelf -S there/bin/millrace").output.contains(".symtab") == false)
        let page = try run("gzip -dc there/share/man/man1/millrace.1.gz").output
        for command in ["run", "status", "explain", "retry", "forward"] {
            #expect(page.contains(".SS millrace \(command)\n"), "\(command)")
        }
        // Paths are completed with the names of files, --root with those of folders.
        for (shell, file, files, folders) in [
            ("bash", "bash-completion/completions/millrace", "_add_completions -f", "_add_completions -d"),
            ("zsh", "zsh/site-functions/_millrace", ":pipelines:_files'", ":root:_files -/'"),
            ("fish", "fish/vendor_completions.d/millrace.fish", "\"millrace run\" -ge 1' -F", "-l 'root'"),
        ] {
            let script = try String(contentsOfFile: folder("there/share/\(file)"), encoding: .utf8)
            #expect(script.contains(files) && script.contains(folders), "\(shell)")
        }

        let removed = try run("\(script) --uninstall there")
        #expect(removed.status == 0, "\(removed.output)")
        #expect(folder.files() == ["there/bin/other"])
        #expect(try run("\(script) --uninstall there").status != 0)
    }

    @Test func aPackageIsPutTogetherBelowAnotherRoot() throws {
        let installed = try run("\(script) /usr", destination: folder("stage"))
        #expect(installed.status == 0, "\(installed.output)")
        #expect(folder.files().allSatisfy { $0.hasPrefix("stage/usr/") })
        #expect(
            try String(contentsOfFile: folder("stage/usr/lib/systemd/system/millrace.service"), encoding: .utf8).contains(
                "ExecStart=/usr/bin/millrace run"))
    }

    @Test func whatWasNotBuiltIsSaid() throws {
        let said = try run("MILLRACE_BINARY=/nowhere/millrace \(script) there")
        #expect(said.status != 0 && said.output.contains("run make build first"), "\(said.output)")
    }
}
