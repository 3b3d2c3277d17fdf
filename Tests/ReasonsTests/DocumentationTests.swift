import Foundation
import Testing

/// What the documentation names is there: files, tests, types, modules and their dependencies.
@Suite struct DocumentationTests {
    private static let project = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The project's pages, as paths from its root.
    static let pages: [String] = files(below: "").filter { $0.hasSuffix(".md") }

    // MARK: Files

    @Test(arguments: pages)
    func linksLeadSomewhere(_ page: String) throws {
        let text = try Self.text(page)
        let folder = Self.project.appending(path: page).deletingLastPathComponent()
        for match in text.matches(of: #/\]\(([^)\s]+)\)/#) {
            let link = String(match.1.prefix { $0 != "#" })
            if link.isEmpty || link.contains("://") { continue }
            #expect(FileManager.default.fileExists(atPath: folder.appending(path: link).path), "\(page): \(link)")
        }
    }

    /// A path in backquotes is one from the project's root, from the page's folder, or from `Sources` or `Tests`.
    @Test(arguments: pages)
    func pathsAreThere(_ page: String) throws {
        let folder = (page as NSString).deletingLastPathComponent
        let folders = ["", folder, "Sources", "Tests"]
        for path in Self.quoted(try Self.text(page)) where Self.isPath(path) {
            let places = folders.map { Self.project.appending(path: $0).appending(path: path).path }
            let isThere = places.contains { FileManager.default.fileExists(atPath: $0) }
            let isNamed = !path.contains("/") && Self.allFiles.contains { ($0 as NSString).lastPathComponent == path }
            #expect(isThere || isNamed, "\(page): \(path)")
        }
    }

    /// Whether a word is a path of the project, and not one of a user's root or of a file on its way.
    private static func isPath(_ word: String) -> Bool {
        guard word.wholeMatch(of: #/[A-Za-z0-9.][A-Za-z0-9_.+/-]*/#) != nil else { return false }
        let folders = ["Sources/", "Tests/", "Scripts/", "Benchmarks/", "pipelines/", "samples/"]
        return folders.contains(where: word.hasPrefix) || word.hasSuffix(".swift") || word.hasSuffix(".scenario")
    }

    // MARK: Names

    /// A type that the pages about the code name is one that the code has.
    @Test(arguments: ["Sources/README.md", "Tests/Semantics/README.md", "Tests/README.md"])
    func typesAreThere(_ page: String) throws {
        let words = try Self.wordsOfCode()
        var missing: [String] = []
        for name in Self.quoted(try Self.text(page)) {
            for part in name.split(separator: ".").map(String.init) where part.wholeMatch(of: #/_?[A-Z][a-z]+[A-Z][A-Za-z]+/#) != nil {
                if !words.contains(part) { missing.append(part) }
            }
        }
        #expect(missing.isEmpty, "\(page)")
    }

    /// The table of modules is what `Package.swift` says.
    @Test func theMapIsThatOfThePackage() throws {
        let declared = try Self.declaredModules()
        var told: [String: Set<String>] = [:]
        let row = #/\n\| `([A-Za-z-]+)` \| [^|]+ \|([A-Za-z, ]*)\|/#
        for match in try Self.text("Sources/README.md").matches(of: row) where declared[String(match.1)] != nil {
            told[String(match.1)] = Set(match.2.matches(of: #/[A-Za-z]+/#).map { String($0.0) })
        }
        #expect(declared.count > 15 && told == declared)
    }

    /// The daemon's side knows nothing of models: it links neither the engine nor Arrow, and what computes runs in a process of its own.
    @Test(arguments: ["Attempts", "Daemon", "Reports", "WorkerProcesses", "Terminal", "millrace"])
    func theDaemonsSideUsesNothingOfTheModelHalf(_ module: String) throws {
        let declared = try Self.declaredModules()
        var used: Set<String> = []
        var next = try #require(declared[module])
        while !next.isEmpty {
            used.formUnion(next)
            next = Set(next.flatMap { declared[$0] ?? [] }).subtracting(used)
        }
        let modelHalf: Set = [
            "Tensors", "ONNXProto", "ONNX", "Passes", "Autodiff", "TrainingGraph", "Engine", "COnnxRuntime", "COpenVINO", "Columnar",
            "CArrow", "CArrowDeps", "Training", "Runner",
        ]
        #expect(used.count > 3 && used.intersection(modelHalf) == [])
    }

    /// The modules below `Sources` with those of ours that they depend on, as `Package.swift` says.
    private static func declaredModules() throws -> [String: Set<String>] {
        let modules = Set(allFiles.filter { $0.hasPrefix("Sources/") }.map { String($0.split(separator: "/")[1]) })
        var declared: [String: Set<String>] = [:]
        let target = #/(?:executableTarget|\.target)\(\s*name: "([A-Za-z-]+)"(?:,\s*dependencies: \[([^\]]*)\])?/#
        for match in try text("Package.swift").matches(of: target) where modules.contains(String(match.1)) {
            declared[String(match.1)] = Set((match.2 ?? "").matches(of: #/"([A-Za-z]+)"/#).map { String($0.1) })
        }
        return declared
    }

    /// Every thread that is started by a name stands in the table of threads.
    @Test func threadsAreInTheTable() throws {
        let page = try Self.text("Sources/README.md")
        var names: Set<String> = []
        for file in Self.allFiles where file.hasPrefix("Sources/") && file.hasSuffix(".swift") {
            names.formUnion(try Self.text(file).matches(of: #/(?:NamedThread|WorkerPool)\("([a-z]+)/#).map { String($0.1) })
        }
        #expect(names.count > 8)
        for name in names { #expect(page.contains("\n| `\(name)"), "\(name)") }
    }

    // MARK: Decisions

    private static let semantics = "Tests/Semantics/README.md"

    /// By number or promise, the scenarios and tests that show a decision.
    private func decisions() throws -> [String: [String]] {
        var found: [String: [String]] = [:]
        for line in try Self.text(Self.semantics).split(separator: "\n") {
            let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            guard cells.count >= 2, let name = cells[0].split(separator: " ").first.map(String.init),
                name.wholeMatch(of: #/P?\d+/#) != nil
            else { continue }
            #expect(found[name] == nil, "\(name) stands twice")
            found[name] = cells.count > 2 ? Self.quoted(cells[2]) : []
        }
        return found
    }

    @Test func decisionsNameWhatShowsThem() throws {
        let decisions = try decisions()
        #expect(decisions.count > 45)
        for (number, shown) in decisions {
            for name in shown {
                let parts = name.split(separator: ".").map(String.init)
                if name.hasSuffix(".trace") { continue }
                if parts[0].first!.isNumber || parts[0].contains("-") {
                    #expect(Self.allFiles.contains("Tests/Semantics/\(name).scenario"), "\(number): \(name)")
                    continue
                }
                // A suite may go on in other files, as `Suite+Part.swift`.
                let files = Self.allFiles.filter {
                    $0.hasPrefix("Tests/") && ($0.hasSuffix("/\(parts[0]).swift") || $0.contains("/\(parts[0])+"))
                }
                let isThere = try parts.count < 2 ? !files.isEmpty : files.contains { try Self.text($0).contains("func \(parts[1])(") }
                #expect(isThere, "\(number): \(name)")
            }
        }
    }

    @Test func scenariosAreNamedAfterADecision() throws {
        let decisions = try decisions()
        for file in Self.allFiles where file.hasSuffix(".scenario") {
            let prefix = String((file as NSString).lastPathComponent.prefix { $0 != "-" })
            let number = prefix.first == "P" ? prefix : "\(Int(prefix) ?? 0)"
            let title = try Self.text(file).split(separator: "\n").first ?? ""
            let named = title.dropFirst(2).prefix { $0 != ":" }.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
            #expect(named.contains(number) && named.allSatisfy { decisions[$0] != nil }, "\(file): \(title)")
        }
    }

    @Test func numbersInTheCodeLeadToADecision() throws {
        let decisions = try decisions()
        var found = 0
        for file in Self.allFiles where file.hasSuffix(".swift") && file != "Tests/ReasonsTests/DocumentationTests.swift" {
            for match in try Self.text(file).matches(of: #/SEMANTICS (\d+)/#) {
                found += 1
                #expect(decisions[String(match.1)] != nil, "\(file): \(match.0)")
            }
        }
        #expect(found > 10)
    }

    // MARK: Version

    /// The changelog begins with the version that the program says.
    @Test func theNewestReleaseIsTheVersion() throws {
        let version = try #require(try Self.text("Sources/Attempts/ToolVersion.swift").firstMatch(of: #/toolVersion = "([0-9.]+)"/#)).1
        let heading = #/(?m)^## (\S+) \((\d{4}-\d{2}-\d{2})\)$/#
        let releases = try Self.text("CHANGELOG.md").matches(of: heading).map { (version: $0.1, day: $0.2) }
        #expect(releases.first?.version == version && releases.map(\.day) == releases.map(\.day).sorted().reversed())
    }

    // MARK: Size

    @Test func theFirstPageIsShort() throws {
        #expect(try Self.text("README.md").split(separator: "\n", omittingEmptySubsequences: false).count <= 151)
    }

    // MARK: Reading

    private static let allFiles = files(below: "")

    private static func text(_ path: String) throws -> String { try String(contentsOf: project.appending(path: path), encoding: .utf8) }

    /// Files of the project, but for what is built or fetched, as paths from its root.
    private static func files(below folder: String) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: project.appending(path: folder).path)) ?? []
        return names.sorted().flatMap { name -> [String] in
            if [".build", ".deps", ".git"].contains(name) { return [] }
            let path = folder.isEmpty ? name : folder + "/" + name
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: project.appending(path: path).path, isDirectory: &isFolder) else { return [] }
            return isFolder.boolValue ? files(below: path) : [path]
        }
    }

    /// What stands in backquotes on one line of a page, outside of its blocks of code.
    private static func quoted(_ text: String) -> [String] {
        var isInBlock = false
        return text.split(separator: "\n").flatMap { line -> [String] in
            if line.hasPrefix("```") { isInBlock.toggle() }
            return isInBlock ? [] : line.matches(of: #/`([^`]+)`/#).map { String($0.1) }
        }
    }

    /// Every word of the code.
    private static func wordsOfCode() throws -> Set<String> {
        var words: Set<String> = []
        for file in allFiles where file.hasSuffix(".swift") {
            var word: [UInt8] = []
            for byte in Array(try text(file).utf8) + [0] {
                let isPart = byte == UInt8(ascii: "_") || [0x30...0x39, 0x41...0x5A, 0x61...0x7A].contains { $0.contains(byte) }
                if isPart {
                    word.append(byte)
                } else if !word.isEmpty {
                    words.insert(String(decoding: word, as: UTF8.self))
                    word.removeAll(keepingCapacity: true)
                }
            }
        }
        return words
    }
}
