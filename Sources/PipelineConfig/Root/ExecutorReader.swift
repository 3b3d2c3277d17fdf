internal import Foundation
internal import Reasons

/// Reads `executor` of `ROOT/millrace.yaml`.
enum ExecutorReader {
    /// - Parameter work: the work folder, in which workers find the daemon.
    static func executor(_ top: Section, work: String) -> ExecutorSettings? {
        let keys = ["listen", "idle", "token", "tls", "slurm", "command", "workers"]
        guard let section = top.section("executor", keys: keys) else { return nil }
        var executor = ExecutorSettings(token: section.folder("token") ?? ExecutorSettings.folder(work: work) + "/token")
        executor.listen = address(section, "listen")
        executor.idle = section.duration("idle", in: .seconds(1) ... .seconds(30 * 86_400)) ?? executor.idle
        executor.tls = tls(section)
        switch (section.has("slurm"), section.has("command")) {
        case (true, true):
            section.refuse(.contradiction, "command", "`slurm` starts the workers", "keep one of them")
        case (true, false):
            if section.has("workers") {
                section.refuse(.contradiction, "workers", "`slurm` has a key of that name", "move it there: slurm: { workers: 0..16 }")
            }
            executor.supply = slurm(section).map { .slurm($0) }
        case (false, true):
            executor.supply = command(section, work: work).map { .command($0) }
        case (false, false):
            if section.has("workers") {
                section.refuse(
                    .contradiction, "workers", "nothing starts workers",
                    "add `command` or `slurm`, or start workers by hand and remove it")
            }
        }
        return executor
    }

    /// Returns how TLS is spoken: `true` for a certificate of the daemon's own, or the files of one.
    private static func tls(_ executor: Section) -> TLSSettings? {
        guard let node = executor.node("tls") else { return nil }
        if case .scalar = node.content { return executor.boolean("tls") == true ? .ownCertificate : nil }
        guard let section = executor.section("tls", keys: ["certificate", "key"]) else { return nil }
        let remedy = "name both files, or write tls: true for a certificate of the daemon's own"
        for key in ["certificate", "key"] { section.require(key, remedy) }
        guard let certificate = section.folder("certificate"), let key = section.folder("key") else { return nil }
        return .files(certificate: certificate, key: key)
    }

    // MARK: Slurm

    private static func slurm(_ executor: Section) -> SlurmSettings? {
        let keys = ["partition", "account", "time", "workers", "constraint", "cpus", "options"]
        guard let section = executor.section("slurm", keys: keys) else { return nil }
        section.require("workers", "say how many there may be: workers: 0..16")
        let partition = word(section, "partition", besides: "_.,-")
        let account = word(section, "account", besides: "_.,-@+")
        let constraint = word(section, "constraint", besides: "_.,-&|*[]():=!")
        let time = section.duration("time", in: .seconds(60) ... .seconds(365 * 86_400))
        let cpus = section.integer("cpus", in: 1...4096) ?? 1
        let options = options(section)
        guard let workers = workers(section) else { return nil }
        var slurm = SlurmSettings(workers: workers)
        (slurm.partition, slurm.account, slurm.constraint, slurm.time) = (partition, account, constraint, time)
        (slurm.cpus, slurm.options) = (cpus, options)
        return slurm
    }

    /// Returns a text of letters, digits and `others`, as Slurm's own names are.
    private static func word(_ section: Section, _ key: String, besides others: String) -> String? {
        guard let text = section.text(key) else { return nil }
        guard !text.isEmpty, text.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || others.contains($0)) }), text.first != "-"
        else {
            section.refuse(.badValue, key, "\"\(text.clipped)\" is no name of Slurm's", "write letters, digits and \(others)")
            return nil
        }
        return text
    }

    /// The options of `sbatch` that are not given by hand, each with what to do instead.
    private static let taken: [(long: String, short: Character?, remedy: String)] = [
        ("partition", "p", "write slurm: { partition: … }"), ("account", "A", "write slurm: { account: … }"),
        ("constraint", "C", "write slurm: { constraint: … }"), ("time", "t", "write slurm: { time: … }"),
        ("cpus-per-task", "c", "write slurm: { cpus: … }"), ("array", "a", own), ("job-name", "J", own), ("output", "o", own),
        ("error", "e", own), ("open-mode", nil, own), ("chdir", "D", own), ("ntasks", "n", own), ("nodes", "N", own),
        ("parsable", nil, own), ("requeue", nil, "remove it: Millrace itself starts workers again"), ("no-requeue", nil, own),
        ("wrap", nil, own),
        ("wait", "W", "remove it: Millrace waits for no job"),
        ("clusters", "M", "remove it: only jobs of this cluster are looked for"),
        ("uid", nil, "remove it: only the daemon's own jobs are looked for"),
    ]
    private static let own = "remove it: Millrace says it itself"

    /// Returns options of `sbatch`, of which each is an argument and no text for a shell.
    private static func options(_ section: Section) -> [String] {
        let options = section.texts("options") ?? []
        let nodes: [Node] = if case .sequence(let items) = section.node("options")?.content { items } else { [] }
        for (index, option) in options.enumerated() {
            func refuse(_ rule: Rule, _ fault: String, _ remedy: String) {
                guard nodes.indices.contains(index) else { return section.refuse(rule, "options", fault, remedy) }
                section.reading.problems.add(rule, nodes[index].position, section.path(of: "options[\(index)]"), fault, remedy)
            }
            let isLong = option.hasPrefix("--")
            let name = String(option.drop { $0 == "-" }.prefix { $0 != "=" })
            guard option.hasPrefix("-"), name.first?.isLetter == true, !option.contains(where: \.isNewline), !option.utf8.contains(0)
            else {
                refuse(.badValue, "\"\(option.clipped)\" is no option of sbatch", "write each as one text, like \"--qos=low\"")
                continue
            }
            // The beginning of an option's name stands for the option.
            let meant = taken.first { isLong ? $0.long.hasPrefix(name) : $0.short == name.first }
            if let meant { refuse(.contradiction, "`--\(meant.long)` cannot be given here", meant.remedy) }
        }
        return options
    }

    // MARK: Commands

    private static func command(_ section: Section, work: String) -> CommandSettings? {
        section.require("workers", near: "command", "say how many workers the command may start: workers: 0..4")
        let command = section.text("command")
        if let command {
            if !command.contains("{worker}") {
                section.refuse(
                    .badValue, "command", "it does not say where the worker's command line goes",
                    "write {worker} there: ssh node{n} {worker}")
            }
            if command.utf8.contains(0) { section.refuse(.badValue, "command", "it has a NUL in it", "remove it") }
            let folder = ExecutorSettings.folder(work: work)
            if !ShellWord.isPlain(folder) {
                section.refuse(
                    .badValue, "command", "{worker} names \(folder), whose characters two shells would read in two ways",
                    "move `work` to a path of letters, digits, and _ - . / only")
            }
        }
        guard let command, let workers = workers(section) else { return nil }
        return CommandSettings(command: command, workers: workers)
    }

    // MARK: Values

    private static let mostWorkers = 10_000

    /// Returns the number of workers: a range such as `0..16`, or one number.
    private static func workers(_ section: Section) -> ClosedRange<Int>? {
        guard let node = section.node("workers") else { return nil }
        let remedy = "write a range like 0..16, or one number for as many at all times"
        guard case .scalar(let text, isPlain: _) = node.content else {
            section.refuse(.wrongType, "workers", "\(node.kind) stands where a number of workers belongs", remedy)
            return nil
        }
        let parts = text.components(separatedBy: "..")
        let numbers = parts.compactMap { $0.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int($0) : nil }
        guard numbers.count == parts.count, (1...2).contains(numbers.count) else {
            section.refuse(.wrongType, "workers", "\(node.kind) is no number of workers", remedy)
            return nil
        }
        guard numbers[0] <= numbers.last!, (1...mostWorkers).contains(numbers.last!) else {
            let fault = numbers[0] > numbers.last! ? "\(text) ends before it begins" : "\(text) is out of range"
            section.refuse(.badValue, "workers", fault, "let it end with a number from 1 to \(mostWorkers)")
            return nil
        }
        return numbers[0]...numbers.last!
    }

    /// Returns an address: `HOST:PORT`, where an address of IPv6 stands in brackets.
    private static func address(_ section: Section, _ key: String) -> ListenAddress? {
        guard let text = section.text(key) else { return nil }
        let colon = text.lastIndex(of: ":")
        let digits = colon.map { text[text.index(after: $0)...] } ?? ""
        var host = colon.map { text[..<$0] } ?? ""
        let isBracketed = host.hasPrefix("[") && host.hasSuffix("]")
        if isBracketed { host = host.dropFirst().dropLast() }
        let others = isBracketed ? ":.%-" : "._-"
        guard let port = UInt16(digits), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), !host.isEmpty,
            host.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || others.contains($0)) })
        else {
            section.refuse(.badValue, key, "\"\(text.clipped)\" is no address", "write HOST:PORT, like head.example:7400 or [::1]:7400")
            return nil
        }
        return ListenAddress(host: String(host), port: port)
    }
}
