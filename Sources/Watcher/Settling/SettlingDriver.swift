import Arrivals
internal import Reasons
internal import SystemPackage

/// Does what a `Settling` asks for: looks at one file, checks its content and tries for leases, until it says to wait or is done.
struct SettlingDriver {
    enum Outcome {
        case waits
        case complete(CompleteFacts)
        /// `isUnsigned` says that only its signature is missing.
        case truncated(FileStamp, String, isUnsigned: Bool)
        case refused(Explanation, FileStamp?)
        /// The file is gone, or no file any more.
        case dropped
        /// The machine does not let the file be looked at; its folder is looked at again.
        case unreachable(errno: CInt)

        var isWaiting: Bool { if case .waits = self { true } else { false } }
    }

    struct CompleteFacts {
        var stamp: FileStamp
        var format: FormatCheck?
        var sign: Settling.Sign
        /// The external data of a model, relative to its own directory.
        var companions: [String]
        var endsWithNewline: Bool?
        /// The stamp of its signature, where one counts.
        var signature: FileStamp?
    }

    private static let mostSteps = 16

    let root: String
    let path: String
    let clock: WatchClock
    /// Tells whether the file's age by its change time counts, because there is no time to wait.
    let countsAge: Bool
    let signatures: SpoolDirectory.Signatures
    private let directory: String
    private let name: String
    private let check: FormatCheck

    init(_ path: String, in spool: WatchedSpool, clock: WatchClock, countsAge: Bool) {
        self.init(
            root: spool.root, path: spool.path(of: path), clock: clock, countsAge: countsAge, signatures: spool.directory.signatures)
    }

    init(root: String, path: String, clock: WatchClock, countsAge: Bool, signatures: SpoolDirectory.Signatures = .ignored) {
        self.root = root
        self.path = path
        self.signatures = signatures
        self.clock = clock
        self.countsAge = countsAge
        let (directory, name) = SpoolPath.split(path)
        self.directory = directory
        check = FormatCheck(name: String(name))
        self.name = String(name)
    }

    /// Takes one step after the other, until the file has to wait or its settling is over.
    /// - Parameter known: the stamp that a scan just saw, so that the first look costs no second stat.
    func drive(_ settling: inout Settling, from first: Settling.Step, known: FileStamp? = nil) -> Outcome {
        var step = first
        var known = known
        var file: SealedFile?
        var result = FormatCheck.Result.undecided(endsWithNewline: nil)
        var signature = SignatureFile.Look.missing
        var isUnsigned = false
        for _ in 0..<Self.mostSteps {
            switch step {
            case .look:
                file = nil
                if let stamp = known {
                    step = settling.observed(.file(stamp, age: age(of: stamp)), now: clock.now())
                    known = nil
                    continue
                }
                switch FoundEntry(path: path, root: root) {
                case .file(let stamp): step = settling.observed(.file(stamp, age: age(of: stamp)), now: clock.now())
                case .refused(let explanation, let stamp): return .refused(explanation, stamp)
                case .unreachable(let code): return .unreachable(errno: code)
                case .missing, .directory, .ignored: return .dropped
                }
            case .checkContent:
                var opened: SealedFile
                do throws(Errno) { opened = try SealedFile(path: path) } catch {
                    if error == .noSuchFileOrDirectory { return .dropped }
                    if case .unreachable(let code) = FoundEntry(path: path, root: root) { return .unreachable(errno: code) }
                    // It may be possible to open the file by now, where a folder's permission came back between the two looks.
                    if error == .permissionDenied, (try? SealedFile(path: path)) != nil {
                        step = .look
                        continue
                    }
                    if error == .permissionDenied { return .refused(FoundEntry.unreadable, settling.stamp) }
                    let reason = "it cannot be opened: \(error)"
                    // Something else than a file may have taken its name.
                    step = settling.checked(error == .invalidArgument ? .incomplete(reason) : .unread(reason), now: clock.now())
                    continue
                }
                let stamp = FileStamp(opened.status)
                if stamp != settling.stamp {
                    // The file changed between the two looks; with the same size it was most likely its time that was set.
                    _ = settling.heard(.attributes, now: clock.now())
                    step = settling.observed(.file(stamp, age: age(of: stamp)), now: clock.now())
                    if step == .checkContent { step = .look }
                    continue
                }
                result = check.check(&opened, directory: directory)
                if let failure = opened.failure {
                    step = settling.checked(.unread("it cannot be read: \(failure)"), now: clock.now())
                    continue
                }
                file = consume opened
                var content = content(of: result, of: stamp, for: settling)
                signature = signatures == .ignored ? .missing : SignatureFile(of: path).look()
                let lack = content.isWhole ? lack(signature) : nil
                if let lack { content = .incomplete(lack) }
                isUnsigned = lack != nil
                step = settling.checked(content, now: clock.now())
            case .probeLease:
                var lease = Settling.Lease.unavailable
                if let opened = file.take() {
                    lease = opened.probeLease()
                    file = consume opened
                }
                step = settling.leased(lease == .granted ? leaseOfCompanions(result) : lease, now: clock.now())
            case .wait:
                return .waits
            case .complete(let sign):
                var facts = facts(result, sign: sign, stamp: settling.wholeStamp!)
                if case .whole(let stamp) = signature { facts.signature = stamp }
                return .complete(facts)
            case .truncated(let reason):
                guard isUnsigned else { return .truncated(settling.stamp!, reason, isUnsigned: false) }
                return .truncated(judgedStamp(stampIfWhole(settling.stamp!)), reason, isUnsigned: true)
            case .refuse:
                guard case .unsafe(let explanation) = result else { return .dropped }
                return .refused(explanation, settling.stamp)
            case .forget:
                return .dropped
            }
        }
        // It changes faster than it can be looked at; its next event or its quiet time brings it back.
        _ = settling.heard(.modified, now: clock.now())
        return .waits
    }

    /// Returns the stamp by which the file would be known if it were complete now: for a model, with its external data.
    func stampIfWhole(_ stamp: FileStamp) -> FileStamp {
        guard check == .onnx, var file = try? SealedFile(path: path),
            case .whole(let companions) = check.check(&file, directory: directory),
            !companions.isEmpty
        else { return stamp }
        return FileStamp(path: path, companions: companions.map { directory + "/" + $0 }) ?? stamp
    }

    /// Returns the stamp by which the file would be known that was judged with its signature as it is now.
    func judgedStamp(_ whole: FileStamp) -> FileStamp { whole.judged(with: SignatureFile(of: path).stamp) }

    /// Says what is missing of the signature.
    private func lack(_ signature: SignatureFile.Look) -> String? {
        switch signature {
        case .missing: signatures == .required ? "its signature \(name).sig is not there" : nil
        case .whole: nil
        case .unusable(_, let why): "its signature \(name).sig does not count: \(why)"
        }
    }

    private func age(of stamp: FileStamp) -> Duration? {
        countsAge ? .nanoseconds(clock.wallNanoseconds() - stamp.changed) : nil
    }

    private func content(of result: FormatCheck.Result, of stamp: FileStamp, for settling: Settling) -> Settling.Content {
        switch result {
        case .incomplete(let reason): return .incomplete(reason)
        case .unsafe: return .unsafe
        case .whole(let companions) where !companions.isEmpty:
            guard let whole = FileStamp(path: path, companions: companions.map { directory + "/" + $0 }) else {
                return .incomplete("its external data went away")
            }
            let newest = companions.compactMap { FileStamp(path: directory + "/" + $0)?.changed }.max() ?? stamp.changed
            return .wholeWithData(whole, dataIsOlder: .nanoseconds(stamp.changed - newest) > settling.policy.quiet)
        case .whole, .undecided:
            if settling.respectsMarks, let mark = TemporaryNames.marksOfProgress.first(where: { FileStamp(path: path + $0) != nil }) {
                return .incomplete("\(mark) beside it says that it is still being downloaded")
            }
            if case .undecided(let endsWithNewline) = result { return .undecided(endsWithNewline: endsWithNewline) }
            return .whole
        }
    }

    private func leaseOfCompanions(_ result: FormatCheck.Result) -> Settling.Lease {
        guard case .whole(let companions) = result else { return .granted }
        var lease = Settling.Lease.granted
        for companion in companions {
            guard let file = try? SealedFile(path: directory + "/" + companion) else { return .unavailable }
            switch file.probeLease() {
            case .granted: break
            case .denied: return .denied
            case .unavailable: lease = .unavailable
            }
        }
        return lease
    }

    private func facts(_ result: FormatCheck.Result, sign: Settling.Sign, stamp: FileStamp) -> CompleteFacts {
        switch result {
        case .whole(let companions):
            CompleteFacts(stamp: stamp, format: check, sign: sign, companions: companions, endsWithNewline: nil)
        case .undecided(let endsWithNewline):
            CompleteFacts(stamp: stamp, format: nil, sign: sign, companions: [], endsWithNewline: endsWithNewline)
        case .incomplete, .unsafe:
            CompleteFacts(stamp: stamp, format: nil, sign: sign, companions: [], endsWithNewline: nil)
        }
    }
}

extension Settling.Content {
    /// Tells whether nothing is missing that the file itself would show.
    fileprivate var isWhole: Bool {
        switch self {
        case .whole, .wholeWithData, .undecided: true
        case .incomplete, .unsafe, .unread: false
        }
    }
}
