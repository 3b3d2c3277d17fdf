import Arrivals
import Foundation
import Testing

@testable import Watcher

/// Runs a scenario as data: a file system of a dictionary, a clock of a number, the kernel's events by its rules, and the real `Settling`.
struct TraceModel {
    private struct Node {
        var bytes: [UInt8] = []
        var changed: Int64
        var writers = 0
    }

    private var now = Duration.zero
    private var ticks: Int64 = 0
    private var nodes: [Int64: Node] = [:]
    private var names: [String: Int64] = [:]
    private var opened: [String: Int64] = [:]
    private var lastInode: Int64 = 0
    private var settling: [String: Settling] = [:]
    private var judged: [String: FileStamp] = [:]
    private var said: Set<String> = []
    private let filter = NameFilter(include: ["*.csv", "*.parquet", "*.onnx", "*.jsonl", "*.npy"])

    mutating func run(_ scenario: TraceScenario) {
        for statement in scenario.statements {
            switch statement {
            case .given(let name, let content):
                make(name)
                nodes[names[name]!]!.bytes = TraceScenario.bytes(content, for: name)
                if let stamp = stamp(name) { judged[name] = stamp }
            case .create(let name):
                make(name)
                hear(.created, name)
                opened[name] = names[name]
                nodes[names[name]!]!.writers += 1
            case .open(let name):
                opened[name] = names[name]
                nodes[names[name]!]!.writers += 1
            case .write(let name, let content):
                let inode = opened[name]!
                nodes[inode]!.bytes += TraceScenario.bytes(content, for: name)
                tick(inode)
                for (current, other) in names where other == inode { hear(.modified, current) }
            case .close(let name):
                let inode = opened.removeValue(forKey: name)!
                nodes[inode]!.writers -= 1
                for (current, other) in names where other == inode { hear(.closed, current) }
            case .rename(let from, let to):
                move(from, to)
            case .exchange(let a, let b):
                let (first, second) = (names[a]!, names[b]!)
                names[a] = second
                names[b] = first
                tick(first)
                tick(second)
                hear(.movedIn, b)
                hear(.movedIn, a)
            case .link(let from, let to):
                names[to] = names[from]
                tick(names[to]!)
                hear(.created, to)
            case .unlink(let name):
                names[name] = nil
                if judges(name) { said.insert("gone \(name)") }
                settling[name] = nil
                dataChanged(name)
            case .touch(let name):
                tick(names[name]!)
                hear(.attributes, name)
            case .mkdir, .rmdir:
                break
            case .pass(let duration):
                pass(duration)
            case .expect(let expected):
                #expect(said == expected)
                said = []
            case .finally(let names):
                for _ in 0..<4 { pass(LiveWatch.quiet) }
                for name in names { #expect(judged[name] == stamp(name), "\(name)") }
            }
        }
    }

    private mutating func make(_ name: String) {
        lastInode += 1
        names[name] = lastInode
        nodes[lastInode] = Node(changed: 0)
        tick(lastInode)
    }

    private mutating func tick(_ inode: Int64) {
        ticks += 1
        nodes[inode]!.changed = ticks
    }

    private mutating func move(_ from: String, _ to: String) {
        let inside = { (path: String) in !path.hasPrefix("../") }
        // A directory takes what is below it along; what comes out of one was under a pruned name.
        for (name, inode) in names where name == from || name.hasPrefix(from + "/") {
            let target = to + name.dropFirst(from.count)
            names[name] = nil
            names[target] = inode
            tick(inode)
            settling[name] = nil
            if inside(name), judges(name) { said.insert(name == from ? "gone \(name)" : "gone \(from)") }
            if inside(target) { hear(name == from ? .movedIn : .found, target) }
        }
    }

    private func judges(_ name: String) -> Bool { !name.hasPrefix("../") && filter.decide(relativePath: name) == .candidate }

    private func stamp(_ name: String) -> FileStamp? {
        names[name].map { FileStamp(device: 1, inode: $0, size: Int64(nodes[$0]!.bytes.count), changed: nodes[$0]!.changed) }
    }

    private mutating func hear(_ signal: Settling.Signal, _ name: String) {
        guard judges(name) else { return dataChanged(name) }
        if settling[name] == nil {
            if signal != .created, signal != .movedIn, stamp(name) == judged[name] { return }
            settling[name] = Settling(policy: .init(quiet: LiveWatch.quiet, giveUp: LiveWatch.giveUp), now: now)
        }
        drive(name, settling[name]!.heard(signal, now: now))
    }

    private mutating func dataChanged(_ name: String) {
        guard name.hasSuffix(".onnx.data") || name.hasSuffix(".aria2") else { return }
        let owner = String(name.prefix { _ in true }.dropLast(name.hasSuffix(".aria2") ? 6 : 5))
        if settling[owner] != nil { drive(owner, settling[owner]!.heard(.companion, now: now)) }
    }

    private mutating func pass(_ duration: Duration) {
        let end = now + duration
        while let (name, file) = settling.filter({ $0.value.wakeTime <= end }).min(by: { $0.value.wakeTime < $1.value.wakeTime }) {
            now = max(now, file.wakeTime)
            drive(name, settling[name]!.due(now: now))
        }
        now = end
    }

    private mutating func drive(_ name: String, _ first: Settling.Step) {
        var step = first
        while true {
            switch step {
            case .look: step = settling[name]!.observed(stamp(name).map { .file($0, age: nil) } ?? .gone, now: now)
            case .checkContent: step = settling[name]!.checked(content(name), now: now)
            case .probeLease:
                let isDenied = nodes[names[name]!]!.writers > 0 || names[name + ".data"].map { nodes[$0]!.writers > 0 } ?? false
                step = settling[name]!.leased(isDenied ? .denied : .granted, now: now)
            case .wait: return
            case .complete(let sign):
                judged[name] = stamp(name)
                said.insert("complete \(name) \(sign.rawValue)")
                settling[name] = nil
                return
            case .truncated:
                judged[name] = stamp(name)
                said.insert("truncated \(name)")
                settling[name] = nil
                return
            case .refuse, .forget:
                settling[name] = nil
                return
            }
        }
    }

    private func content(_ name: String) -> Settling.Content {
        let bytes = nodes[names[name]!]!.bytes
        if settling[name]!.respectsMarks, names[name + ".aria2"] != nil { return .incomplete("aria2") }
        if name.hasSuffix(".csv") || name.hasSuffix(".jsonl") { return .undecided(endsWithNewline: bytes.last.map { $0 == 0x0A }) }
        if bytes == TraceScenario.bytes(.external, for: name) {
            guard let data = names[name + ".data"], nodes[data]!.bytes.count >= 64 else { return .incomplete("no data") }
            return .wholeWithData(FileStamp(device: 1, inode: names[name]!, size: 0, changed: nodes[data]!.changed), dataIsOlder: false)
        }
        let whole = TraceScenario.bytes(.whole, for: name)
        return bytes.suffix(whole.count) == whole[...] ? .whole : .incomplete("cut")
    }
}
