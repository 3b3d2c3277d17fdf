/// Says how workers on other machines connect, and who starts them.
package struct ExecutorSettings: Sendable, Equatable {
    /// Says who starts workers.
    package enum Supply: Sendable, Equatable {
        case slurm(SlurmSettings)
        case command(CommandSettings)
    }

    /// The address at which the daemon listens for workers; nil stands for this machine's host name and a port that is free.
    package internal(set) var listen: ListenAddress?
    /// The time without work after which a worker ends that a scheduler started.
    package internal(set) var idle = Duration.seconds(60)
    /// The path of the file with the token that workers and daemon prove to each other.
    package internal(set) var token: String
    /// How the daemon speaks TLS with workers; nil where it does not.
    package internal(set) var tls: TLSSettings?
    /// Nil where workers are started by hand.
    package internal(set) var supply: Supply?

    package init(token: String) { self.token = token }

    /// Returns the folder of the work folder where workers find the daemon.
    package static func folder(work: String) -> String { work + "/workers" }
}

/// Says by which certificate the daemon speaks TLS.
package enum TLSSettings: Sendable, Equatable {
    /// It makes one at each start.
    case ownCertificate
    /// It stands, with its key, in files (PEM).
    case files(certificate: String, key: String)
}

package struct ListenAddress: Sendable, Equatable {
    /// A name or an address; one of IPv6 stands here without its brackets.
    package let host: String
    package let port: UInt16

    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }
}

/// Says what workers ask Slurm for.
package struct SlurmSettings: Sendable, Equatable {
    /// The least and the most workers at one time.
    package var workers: ClosedRange<Int>
    package var partition: String?
    package var account: String?
    package var constraint: String?
    package var time: Duration?
    /// The processors of one worker.
    package var cpus = 1
    /// What `sbatch` is given beside these, each an argument.
    package var options: [String] = []

    package init(workers: ClosedRange<Int>) { self.workers = workers }

    /// Returns the number of attempts that one worker executes at once.
    package func attempts(threads: Int) -> Int { max(cpus / max(threads, 1), 1) }
}

/// Says by which command a worker is started.
package struct CommandSettings: Sendable, Equatable {
    /// What `/bin/sh` is given, where `{n}` stands for the number of the worker and `{worker}` for its command line.
    package var command: String
    /// The least and the most workers at one time.
    package var workers: ClosedRange<Int>

    package init(command: String, workers: ClosedRange<Int>) {
        self.command = command
        self.workers = workers
    }
}
