import Foundation
import PipelineConfig
import Synchronization
import TestSupport
import Testing

@testable import Nodes

/// Workers that a command starts: a script in place of the worker, and this machine's shell, or its own `sshd`.
@Suite struct CommandSupplyTests {
    private let directory: TemporaryDirectory
    private let worker: StandInWorker

    init() throws {
        directory = try TemporaryDirectory("command")
        worker = try StandInWorker(in: directory)
    }

    private func supply(_ command: String, _ workers: ClosedRange<Int> = 0...3) -> CommandSupply {
        CommandSupply(CommandSettings(command: command, workers: workers), worker: worker.command())
    }

    private func supplier(_ supply: CommandSupply, _ demand: SupplyDemand) -> Supplier {
        let supplier = Supplier(supply, turn: .milliseconds(100)) { [worker] in
            var now = demand
            now.joined = worker.joined
            now.places = now.joined.count
            return now
        }
        supplier.start()
        return supplier
    }

    @Test func theLineOfAWorker() {
        #expect(
            supply("ssh node{n} {worker}").line(of: 2, stays: false)
                == "ssh node2 \(worker.program) worker --join \(worker.folder) --idle 2s --workers 1 --name 2")
    }

    /// Each worker is started once and watched; when the daemon stops, all end.
    @Test func asManyAsTheWorkIsWorth() throws {
        worker.make("work")
        let supplier = supplier(supply("{worker}"), SupplyDemand(waiting: 100, expected: .seconds(1000)))
        #expect(eventually { worker.joined == ["1", "2", "3"] && supplier.status.joined == 3 })
        supplier.stop()
        #expect(eventually { worker.joined.isEmpty })
    }

    @Test func aWorkerThatIsDoneIsStartedAgain() throws {
        let supply = supply("{worker}", 0...1)
        worker.make("work")
        #expect(try supply.start(5, stays: false).map(\.name) == ["1"])
        #expect(eventually { worker.joined == ["1"] })
        supply.note(joined: ["1"])
        worker.remove("work")
        #expect(throws: SupplyError.self) { try supply.start(1, stays: false) }
        #expect(try eventually { try supply.look().isEmpty })
        supply.note(joined: [])
        #expect(try supply.start(1, stays: false).map(\.name) == ["1"])
        supply.close()
    }

    @Test func aCommandThatFailsSaysWhy() throws {
        let supply = supply("echo node{n}: no route to host >&2; exit 255; {worker}", 0...1)
        let supplier = supplier(supply, SupplyDemand(waiting: 10, expected: .seconds(100)))
        #expect(
            eventually {
                supplier.status.fault == "command: worker 1 ended before it joined: node1: no route to host (status 255)"
            }, "\(supplier.status)")
        #expect(supplier.status.joined == 0)
        supplier.stop()
    }

    @Test func aNumberThatFailsIsLeftOut() throws {
        let supply = supply("[ {n} = 1 ] && { echo down; exit 1; }; {worker}", 0...2)
        worker.make("work")
        func start(_ expected: [String]) throws {
            _ = try supply.start(1, stays: false)
            #expect(try eventually { try supply.look().map(\.name) == expected })
        }
        try start([])
        // The other number is tried before the one that failed.
        try start(["2"])
        #expect(eventually { worker.joined == ["2"] })
        try start(["2"])
        try start(["2"])
        #expect(throws: SupplyError.noneLeft("worker 1 failed 3 times: down (status 1)")) { _ = try supply.start(1, stays: false) }
        supply.close()
    }

    /// A command that prints without end neither waits for a reader nor fills the memory.
    @Test func aCommandThatPrintsMuch() throws {
        let supply = supply("head -c 4000000 /dev/zero; echo; echo done; sleep 100; {worker}", 0...1)
        _ = try supply.start(1, stays: false)
        #expect(
            try eventually {
                _ = try supply.look()
                return ["done", ""].contains(supply.lastWords(of: "1"))
            })
        supply.close()
    }

    // MARK: ssh

    /// Two workers over a real ssh, and a third whose machine refuses the connection.
    @Test(.enabled(if: SSHServer.isThere, "sshd is not installed, or this is not root: Scripts/cluster-tools"))
    func workersOverSSH() throws {
        let server = try SSHServer(in: directory)
        worker.make("work")
        let supply = supply("ssh -F \(server.configuration) node{n} {worker}", 0...3)
        let started = try supply.start(3, stays: false)
        #expect(started.map(\.name) == ["1", "2", "3"])
        #expect(eventually { worker.joined == ["1", "2"] }, "\(["1", "2", "3"].map(supply.lastWords)) \(server.log)")
        #expect(try eventually { try supply.look().map(\.name) == ["1", "2"] })
        #expect(supply.lastWords(of: "3").contains("Connection refused"), "\(supply.lastWords(of: "3"))")
        worker.remove("work")
        // They end by themselves, and so does ssh.
        #expect(eventually { worker.joined.isEmpty })
        supply.note(joined: ["1", "2"])
        supply.note(joined: [])
        #expect(try eventually { try supply.look().allSatisfy { $0.state == .handedOver } })
    }
}
