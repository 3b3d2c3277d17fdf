import Reasons
import Testing

@testable import Watcher

@Suite struct NameFilterTests {
    @Test(arguments: [
        ".data.csv.WXD708", ".~tmp~/data.csv", ".rsync-partial/data.csv", "data.csv.1a2b3c4d.partial", "m.onnx.6ABa185E",
        ".azDownload-1-a.csv",
        "a.csv_.gstmp", "a.csv_.gztmp", ".syncthing.a.csv.tmp", "~syncthing~a.csv.tmp", ".stfolder/a.csv", ".stversions/a.csv",
        "a.sync-conflict-20240101-101010-ABCDEFG.csv", ".in.a.csv", ".in.a.csv.", "a.csv.lftp-pget-status", "a.csv.filepart", "a.csv.aria2",
        "a.csv.crdownload", "Unconfirmed 12.crdownload", "a.csv.part", "a.csv.download", ".cache/huggingface/download/x.incomplete",
        "x.incomplete", "a.csv._COPYING_", ".distcp.tmp.attempt_1", ".a.csv.crc", "_temporary/0/part-0.csv", "_SUCCESS", "_started_1",
        ".hive-staging_1/a.csv", "part-0-1.inprogress.8a7b", "tmp_f.parquet", ".f.data.RND/f.data", ".nfs000123", ".fuse_hidden0001",
        ".~lock.a.csv#", "~$a.csv", "~a.tmp", "._a.csv", ".DS_Store", "Thumbs.db", ".dropbox.cache/a.csv", "a (conflicted copy).csv",
        ".a.csv.swp", ".a.csv.swx", "a.csv~", "4913", "#a.csv#", ".#a.csv", ".a.csv.kate-swp", "sedkwLhC7", "..data/a.csv",
        "..2026_01_01/a.csv",
    ]) func temporaryNamesAreIgnored(_ name: String) {
        guard case .ignored(let rule, _) = NameFilter.decide(relativePath: name, include: []) else {
            Issue.record("admitted")
            return
        }
        #expect(rule.code.hasPrefix("name."))
    }

    @Test(arguments: [
        "a.csv", "sub/a.csv", "x.csv/part-00000-abc.csv", "date=2024-01-01/a.csv", "_date=2024-01-01/a.csv", "sedimentation.csv", "sed.csv",
        "tmp.csv", "a b.csv", "ä.csv", "a.part.csv", "partial.csv",
    ]) func realNamesAreCandidates(_ name: String) {
        #expect(NameFilter.decide(relativePath: name, include: ["*.csv"]) == .candidate)
    }

    /// Only the suffix may have another case, and only where that is asked for.
    @Test(arguments: [
        ("A.CSV", ["*.csv"], true), ("a.Csv.GZ", ["*.csv.gz"], true), ("A_1.CSV", ["a_*.csv"], false), ("a_1.CSV", ["a_*.csv"], true),
        ("sub/a.CSV", ["sub/*.csv"], true), ("SUB/a.csv", ["sub/*.csv"], false), ("a.csv", ["*.CSV"], true), ("acsv", ["*.csv"], false),
        ("one.CSV", ["one.csv"], true), ("ONE.csv", ["one.csv"], false), ("x.NPZ", ["*.[np]*"], false), ("x.NPY", ["**/*.npy"], true),
    ])
    func suffixesInAnyCase(_ name: String, _ include: [String], _ isTaken: Bool) {
        #expect((NameFilter.decide(relativePath: name, include: include, ignoresSuffixCase: true) == .candidate) == isTaken)
        #expect(NameFilter.decide(relativePath: name, include: include) != .candidate)
    }

    @Test func controlCharactersAreRefusedByName() {
        guard case .refused(let why) = NameFilter.decide(relativePath: "a\nb.csv", include: ["*.csv"]) else {
            Issue.record("it is not .refused")
            return
        }
        #expect(why.rule == .nameControl)
        #expect(!why.remedy.isEmpty)
    }

    @Test(arguments: [
        ("*.csv", "a.csv", true), ("*.csv", "sub/a.csv", true), ("*.csv", "a.csv.gz", false), ("*.csv", "A.CSV", false),
        ("sub/*.csv", "sub/a.csv", true), ("sub/*.csv", "a.csv", false), ("sub/*.csv", "sub/deep/a.csv", false),
        ("**/a.csv", "a.csv", true), ("**/a.csv", "x/y/a.csv", true), ("sub/**", "sub/x/y.csv", true),
        ("sub/**/z.csv", "sub/x/y/z.csv", true),
        ("a?c", "abc", true), ("a?c", "ac", false), ("[a-c]*.csv", "b1.csv", true), ("[!a-c]*.csv", "b1.csv", false),
        ("[abc", "[abc", true), ("*", "anything", true), ("a*b*c", "a1b2b3c", true), ("a*b*c", "a1b2b3", false), ("", "", true),
    ]) func globs(_ pattern: String, _ path: String, _ isMatch: Bool) {
        let name = SpoolPath.split(path).name
        #expect(Glob(pattern).matches(path: path, name: name.utf8) == isMatch)
    }

    @Test func aHostilePatternIsNotSlow() {
        let pattern = String(repeating: "*a", count: 30) + "b"
        #expect(!Glob(pattern).matches(path: String(repeating: "a", count: 200), name: String(repeating: "a", count: 200)[...].utf8))
    }
}
