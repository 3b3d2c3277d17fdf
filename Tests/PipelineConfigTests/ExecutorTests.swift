import PipelineConfig
import TestSupport
import Testing

@Suite struct ExecutorTests {
    private let folder: TemporaryDirectory

    init() throws { folder = try TemporaryDirectory("executor") }

    private func load(_ text: String) throws -> RootFile {
        try folder.write(text + "\n", to: "millrace.yaml")
        return RootFile.load(root: folder.path)
    }

    private func problems(_ text: String) throws -> [String] {
        try load(text).problems.map { $0.description.replacing(folder.path + "/", with: "") }
    }

    @Test func withoutItAllWorkersAreHere() throws {
        #expect(try load("workers: 2").settings.executor == nil)
        #expect(try problems("workers: 0") == ["millrace.yaml:1:10: workers: 0 is out of range; write a number from 1 to 4096"])
    }

    @Test func workersAreStartedByHand() throws {
        let file = try load("work: /mnt/w\nworkers: 0\nexecutor: {}")
        let executor = try #require(file.settings.executor)
        #expect(file.problems == [] && file.settings.workers == 0)
        #expect(executor.supply == nil && executor.listen == nil && executor.idle == .seconds(60))
        #expect(executor.token == "/mnt/w/workers/token")
    }

    @Test func slurm() throws {
        let file = try load(
            """
            executor:
              listen: head.example:7400
              idle: 5m
              token: secrets/token
              slurm: { partition: "short,long", account: lab-1, time: 1d2h, workers: 2..16, constraint: "[rack1|rack2]&avx512", cpus: 4,
                       options: ["--qos=low", "--mem=8G", -x node7] }
            """)
        #expect(file.problems == [])
        let executor = try #require(file.settings.executor)
        #expect(executor.listen == ListenAddress(host: "head.example", port: 7400) && executor.idle == .seconds(300))
        #expect(executor.token == folder("secrets/token"))
        guard case .slurm(let slurm) = executor.supply else {
            Issue.record("it is not Slurm")
            return
        }
        #expect(slurm.partition == "short,long" && slurm.account == "lab-1" && slurm.constraint == "[rack1|rack2]&avx512")
        #expect(slurm.time == .seconds(26 * 3600) && slurm.workers == 2...16 && slurm.cpus == 4)
        #expect(slurm.options == ["--qos=low", "--mem=8G", "-x node7"])
        #expect(slurm.attempts(threads: 1) == 4 && slurm.attempts(threads: 2) == 2 && slurm.attempts(threads: 8) == 1)
    }

    @Test func aCommand() throws {
        let file = try load("work: /mnt/w\nexecutor: { listen: \"[::1]:7400\", command: \"ssh node{n} {worker}\", workers: 4 }")
        #expect(file.problems == [])
        #expect(file.settings.executor?.supply == .command(CommandSettings(command: "ssh node{n} {worker}", workers: 4...4)))
        #expect(file.settings.executor?.listen == ListenAddress(host: "::1", port: 7400))
    }

    @Test func secrecy() throws {
        #expect(try load("executor: {}").settings.executor?.tls == nil)
        #expect(try load("executor: { tls: false }").settings.executor?.tls == nil)
        #expect(try load("executor: { tls: true }").settings.executor?.tls == .ownCertificate)
        let files = try load("executor: { tls: { certificate: a.pem, key: /etc/k.pem } }")
        #expect(files.problems == [])
        #expect(files.settings.executor?.tls == .files(certificate: folder("a.pem"), key: "/etc/k.pem"))
    }

    @Test(arguments: [
        ("executor: child", "1:11: executor: `child` stands where a mapping belongs; give it keys: "),
        ("executor: { slrum: {} }", "1:13: executor.slrum: there is no such key; did you mean `slurm`?"),
        (
            "executor: { tls: { certificate: a } }",
            "1:18: executor.tls.key: missing; name both files, or write tls: true for a certificate of the daemon's own"
        ),
        ("executor: { tls: yes }", "1:18: executor.tls: `yes` is neither true nor false; write true or false, without quotes"),
        ("executor: { listen: here }", "1:21: executor.listen: \"here\" is no address; write HOST:PORT, like "),
        ("executor: { listen: \"here:x\" }", "1:21: executor.listen: \"here:x\" is no address; "),
        ("executor: { listen: \"a b:80\" }", "1:21: executor.listen: \"a b:80\" is no address; "),
        ("executor: { idle: 60 }", "1:19: executor.idle: `60` has no unit; "),
        (
            "executor: { command: \"ssh {worker}\", slurm: { workers: 4 }, workers: 1 }",
            "1:22: executor.command: `slurm` starts the workers; keep one of them"
        ),
        ("executor: { workers: 0..4 }", "1:22: executor.workers: nothing starts workers; add `command` or `slurm`, "),
        (
            "executor: { slurm: { workers: 0..4 }, workers: 3 }",
            "1:48: executor.workers: `slurm` has a key of that name; move it there: slurm: { workers: 0..16 }"
        ),
        ("executor: { slurm: {} }", "1:20: executor.slurm.workers: missing; say how many there may be: workers: 0..16"),
        ("executor: { slurm: { workers: many } }", "1:31: executor.slurm.workers: `many` is no number of workers; write a range like"),
        ("executor: { slurm: { workers: 4..2 } }", "1:31: executor.slurm.workers: 4..2 ends before it begins; "),
        ("executor: { slurm: { workers: 0 } }", "1:31: executor.slurm.workers: 0 is out of range; "),
        ("executor: { slurm: { workers: 1..2..3 } }", "1:31: executor.slurm.workers: `1..2..3` is no number of workers; "),
        ("executor: { slurm: { workers: -1..3 } }", "1:31: executor.slurm.workers: `-1..3` is no number of workers; "),
        ("executor: { slurm: { workers: 1, cpus: 0 } }", "1:40: executor.slurm.cpus: 0 is out of range; "),
        ("executor: { slurm: { workers: 1, time: 30s } }", "1:40: executor.slurm.time: 30s is out of range; write at least 1m"),
        ("executor: { slurm: { workers: 1, options: [low] } }", "1:44: executor.slurm.options[0]: \"low\" is no option of sbatch; "),
        (
            "executor: { slurm: { workers: 1, options: [\"--mem=1G\", \"--array=1-9\"] } }",
            "1:56: executor.slurm.options[1]: `--array` cannot be given here; remove it: Millrace says it itself"
        ),
        (
            "executor: { slurm: { workers: 1, options: [\"--part=x\"] } }",
            "1:44: executor.slurm.options[0]: `--partition` cannot be given here; write slurm: { partition: … }"
        ),
        ("executor: { slurm: { workers: 1, options: [-px] } }", "1:44: executor.slurm.options[0]: `--partition` cannot be given here; "),
        ("executor: { slurm: { workers: 1, options: -px } }", "1:43: executor.slurm.options: `--partition` cannot be given here; "),
        ("executor: { command: \"ssh node{n}\", workers: 1 }", "1:22: executor.command: it does not say where the worker's command line"),
        ("executor: { command: \"{worker}\" }", "1:13: executor.workers: missing; say how many workers the command may start"),
    ])
    func mistakes(_ text: String, _ problem: String) throws {
        let found = try problems(text)
        #expect(found.count == 1 && found.first?.replacing("millrace.yaml:", with: "").hasPrefix(problem) == true, "\(found)")
    }

    /// Neither a shell nor Slurm reads anything else in them than a name.
    @Test(arguments: ["a b", "$(id)", "a;b", "-x", "a'b", "a\\nb", "`id`", "a=b"])
    func namesOfSlurm(_ text: String) throws {
        for key in ["partition", "account"] {
            let found = try problems("executor: { slurm: { workers: 1, \(key): \"\(text)\" } }")
            #expect(found.count == 1 && found[0].contains("is no name of Slurm's"), "\(key): \(found)")
        }
    }

    /// The line of a worker goes through two shells where it is sent by ssh, which must read the same in it.
    @Test func aWorkFolderThatNeedsQuotes() throws {
        let found = try problems("work: \"/mnt/a b\"\nexecutor: { command: \"ssh n {worker}\", workers: 1 }")
        #expect(found.count == 1 && found[0].contains("move `work` to a path of letters"))
        #expect(try problems("work: \"/mnt/a b\"\nexecutor: { slurm: { workers: 1 } }") == [])
    }
}
