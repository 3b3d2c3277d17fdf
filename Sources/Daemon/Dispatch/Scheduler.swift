/// Decides what may start, without a clock, the ledger or files. It holds a bounded window of waiting data per pipeline (the ledger has the
/// rest), the undecided models, and where in arrival order each version became active. It is a class, since the parts of the dispatcher
/// that tell it what happened share it; the dispatcher's thread owns it.
///
/// The order promised (P4): a data arrival waits for every model that arrived before it to be decided, and is scored by the newest version
/// in force at its place in arrival order; where the order is strict, it waits for the labels before it too. Data from before the first
/// version is scored by that first version.
package final class Scheduler {
    /// Describes one arrival that starts now, and the work that it is for.
    package struct Start: Hashable, Sendable {
        package let pipeline: String
        package let arrival: Int64
        package let work: Work

        package init(pipeline: String, arrival: Int64, work: Work) {
            self.pipeline = pipeline
            self.arrival = arrival
            self.work = work
        }
    }

    package enum Work: Hashable, Sendable {
        case validateModel
        case score(version: Int)
        /// Trains the model of that version on labels.
        case fineTune(parent: Int)
    }

    /// Says that `version` is in force for arrivals numbered above `position`.
    package struct Activation: Hashable, Sendable {
        package let position: Int64
        package let version: Int

        package init(position: Int64, version: Int) {
            self.position = position
            self.version = version
        }
    }

    /// Tells which version scores an arrival, or which one is trained on labels.
    package enum Binding: Hashable, Sendable {
        /// The newest version in force at its place in arrival order.
        case positional
        /// The version in force now, which `replay` asks for and which labels are trained from.
        case current
        /// The version of the run's first attempt.
        case bound(Int)
    }

    fileprivate struct Lane: Sendable {
        var undecidedModels: [Int64] = []
        var waitingData: [Int64] = []
        var waitingLabels: [Int64] = []
        /// The bindings of waiting data and labels, without the positional ones.
        var bindings: [Int64: Binding] = [:]
        var taken: Set<Int64> = []
        var retries: [Int64: Duration] = [:]
        /// The arrivals among `retries` that wait for their file to be readable.
        var unreadable: Set<Int64> = []
        /// The hold that is set while the machine does not do what the pipeline's work needs.
        var hold: Hold?
        var activations: [Activation] = []
        var isPaused = false
        /// Tells whether data waits for the labels before it too.
        var isStrict = false
        /// Tells whether data arrivals start one at a time, in order.
        var isOneByOne = false
    }

    /// Holds work back: nothing starts until `end`; from then on one arrival at a time does (`probe`), until the hold is lifted.
    fileprivate struct Hold: Sendable {
        var end: Duration
        var probe: Int64?
    }

    private var lanes: [String: Lane] = [:]
    private var order: [String] = []
    private var turn = 0

    package init() {}

    package func holds(_ pipeline: String) -> Bool { lanes[pipeline] != nil }

    // MARK: What happened

    package func add(pipeline: String) {
        guard !holds(pipeline) else { return }
        lanes[pipeline] = Lane()
        order.append(pipeline)
    }

    package func remove(pipeline: String) {
        lanes[pipeline] = nil
        order.removeAll { $0 == pipeline }
    }

    package func modelArrived(_ arrival: Int64, in pipeline: String) {
        lanes[pipeline]?.undecidedModels.insertSorted(arrival)
    }

    package func dataArrived(_ arrival: Int64, in pipeline: String, binding: Binding = .positional) {
        lanes[pipeline]?.waitingData.insertSorted(arrival)
        lanes[pipeline]?.bindings[arrival] = binding == .positional ? nil : binding
    }

    /// Takes up labels that arrived. They are trained on one at a time, in order, after the models before them, from the version in force
    /// then, or the one that their run is bound to. Data waits for them only where the order is strict.
    package func labelsArrived(_ arrival: Int64, in pipeline: String, parent: Int? = nil) {
        lanes[pipeline]?.waitingLabels.insertSorted(arrival)
        lanes[pipeline]?.bindings[arrival] = parent.map { .bound($0) } ?? .current
    }

    /// Forgets an arrival that will not start, or not as it is known here: newer content took its place, it was refused, or a command
    /// changed it.
    package func withdrawn(_ arrival: Int64, in pipeline: String) {
        finished(arrival, in: pipeline)
    }

    /// Takes up that a published model or the command `activate` put a version in force after a position.
    package func activated(_ activation: Activation, in pipeline: String) {
        guard var lane = lanes[pipeline] else { return }
        let index = lane.activations.firstIndex { $0.position > activation.position } ?? lane.activations.endIndex
        lane.activations.insert(activation, at: index)
        lanes[pipeline] = lane
    }

    /// Forgets an arrival whose run has ended, or that will have none.
    package func finished(_ arrival: Int64, in pipeline: String) {
        lanes[pipeline]?.undecidedModels.removeAll { $0 == arrival }
        lanes[pipeline]?.waitingLabels.removeAll { $0 == arrival }
        lanes[pipeline]?.waitingData.removeAll { $0 == arrival }
        lanes[pipeline]?.taken.remove(arrival)
        lanes[pipeline]?.forgetRetry(arrival)
        lanes[pipeline]?.bindings[arrival] = nil
    }

    /// Has an arrival start again at `time`, in its place, since its attempt failed in a way that another try may cure.
    /// - Parameter isUnreadable: whether it is tried again as often as it takes, until the machine can read the file.
    package func failed(_ arrival: Int64, in pipeline: String, retryAt time: Duration, isUnreadable: Bool = false) {
        lanes[pipeline]?.taken.remove(arrival)
        lanes[pipeline]?.forgetRetry(arrival)
        lanes[pipeline]?.retries[arrival] = time
        if isUnreadable { lanes[pipeline]?.unreadable.insert(arrival) }
    }

    /// Starts nothing before `end`, and then one arrival at a time, since the machine may still not do what the work needs.
    package func hold(_ pipeline: String, until end: Duration) { lanes[pipeline]?.hold = Hold(end: end) }

    /// Ends the hold of a pipeline, since the machine works again.
    package func lift(_ pipeline: String) { lanes[pipeline]?.hold = nil }

    /// Sets whether data waits for every labelled arrival before it to be decided, not for models alone (`order: strict`).
    package func order(_ pipeline: String, isStrict: Bool) { lanes[pipeline]?.isStrict = isStrict }

    /// Sets whether data arrivals start in order, each after the one before it has finished, since the first pins columns and types for the
    /// others.
    package func startOneByOne(_ isOneByOne: Bool, in pipeline: String) { lanes[pipeline]?.isOneByOne = isOneByOne }

    package func pause(_ pipeline: String) { lanes[pipeline]?.isPaused = true }
    package func resume(_ pipeline: String) { lanes[pipeline]?.isPaused = false }

    // MARK: What to do

    /// Returns the starts that `admits` lets through; pipelines take turns. Where it refuses an arrival, no later data of that pipeline is
    /// asked for.
    package func starts(now: Duration, admits: (Start) -> Bool) -> [Start] {
        var starts: [Start] = []
        var idle = 0
        while !order.isEmpty, idle < order.count {
            turn = (turn + 1) % order.count
            let pipeline = order[turn]
            if let start = takeNext(in: pipeline, now: now, admits) {
                starts.append(start)
                idle = 0
            } else {
                idle += 1
            }
        }
        return starts
    }

    private func mayTake(in pipeline: String, now: Duration) -> Bool {
        guard let hold = lanes[pipeline]?.hold else { return true }
        return hold.end <= now && hold.probe == nil
    }

    private func takeNext(in pipeline: String, now: Duration, _ admits: (Start) -> Bool) -> Start? {
        guard mayTake(in: pipeline, now: now), let start = next(in: pipeline, now: now, admits) else {
            return nil
        }
        lanes[pipeline]?.taken.insert(start.arrival)
        lanes[pipeline]?.forgetRetry(start.arrival)
        lanes[pipeline]?.hold?.probe = start.arrival
        return start
    }

    private func next(in pipeline: String, now: Duration, _ admits: (Start) -> Bool) -> Start? {
        guard let lane = lanes[pipeline], !lane.isPaused else { return nil }
        func isReady(_ arrival: Int64) -> Bool { !lane.taken.contains(arrival) && lane.isDue(arrival, now: now) }
        // Models are decided one at a time, in order, so that version numbers follow arrival numbers.
        if let model = lane.undecidedModels.first, isReady(model) {
            let start = Start(pipeline: pipeline, arrival: model, work: .validateModel)
            if admits(start) { return start }
        }
        let barrier = lane.undecidedModels.first ?? .max
        if let labels = lane.waitingLabels.first, labels < barrier, isReady(labels), let parent = lane.version(for: labels) {
            let start = Start(pipeline: pipeline, arrival: labels, work: .fineTune(parent: parent))
            if admits(start) { return start }
        }
        let dataBarrier = lane.isStrict ? min(barrier, lane.waitingLabels.first ?? .max) : barrier
        for arrival in lane.waitingData {
            guard arrival < dataBarrier, let version = lane.version(for: arrival) else { return nil }
            if lane.isOneByOne, arrival != lane.waitingData[0] { return nil }
            guard isReady(arrival) else { continue }
            let start = Start(pipeline: pipeline, arrival: arrival, work: .score(version: version))
            return admits(start) ? start : nil
        }
        return nil
    }

    /// Returns the arrivals that could start now if there were room for them.
    func ready(now: Duration) -> [(pipeline: String, arrival: Int64)] {
        lanes.flatMap { pipeline, lane -> [(pipeline: String, arrival: Int64)] in
            guard !lane.isPaused, lane.hold == nil else { return [] }
            func isReady(_ arrival: Int64) -> Bool { !lane.taken.contains(arrival) && lane.isDue(arrival, now: now) }
            let barrier = lane.undecidedModels.first ?? .max
            let labels = lane.waitingLabels.first ?? .max
            var ready = [barrier, labels].filter { $0 != .max && isReady($0) }
            let dataBarrier = lane.isStrict ? min(barrier, labels) : barrier
            for data in lane.waitingData {
                guard data < dataBarrier, lane.version(for: data) != nil else { break }
                if isReady(data) { ready.append(data) }
                if lane.isOneByOne { break }
            }
            return ready.map { (pipeline, $0) }
        }
    }

    /// Returns the next time at which something becomes due that waits for nothing else; nil where nothing does.
    /// - Parameter limit: what waits for the machine beyond this time is left out.
    package func nextWake(awaitingMachineUntil limit: Duration? = nil) -> Duration? {
        lanes.values.compactMap { lane -> Duration? in
            guard !lane.isPaused else { return nil }
            func isAwaited(_ time: Duration) -> Bool { limit.map { time <= $0 } ?? true }
            if let hold = lane.hold { return hold.probe == nil && lane.hasWork && isAwaited(hold.end) ? hold.end : nil }
            return lane.retries.filter { !lane.unreadable.contains($0.key) || isAwaited($0.value) }.values.min()
        }.min()
    }

    package func hasUndecidedModels(in pipeline: String) -> Bool { lanes[pipeline]?.undecidedModels.isEmpty == false }

    /// Returns the version that would score data that arrives now and waits for nothing; nil where it would wait.
    package func versionForNewData(in pipeline: String) -> Int? {
        guard let lane = lanes[pipeline], !lane.isPaused, lane.hold == nil, lane.undecidedModels.isEmpty,
            !lane.isStrict || lane.waitingLabels.isEmpty
        else { return nil }
        return lane.activations.last?.version
    }

    /// Tells whether data that arrives now must first see what comes of data before it, which pins columns and types.
    package func awaitsFirstData(in pipeline: String) -> Bool {
        lanes[pipeline].map { $0.isOneByOne && !$0.waitingData.isEmpty } ?? false
    }

    /// Returns the number of data arrivals that wait here (one or two less while models or labels are worked on). The reader of the ledger
    /// keeps it near the size of a window.
    package func heldData(in pipeline: String) -> Int {
        guard let lane = lanes[pipeline] else { return 0 }
        return lane.waitingData.count - lane.taken.count
    }

    /// Returns the version that a fresh arrival would get.
    package func activeVersion(in pipeline: String) -> Int? { lastActivation(in: pipeline)?.version }
    package func lastActivation(in pipeline: String) -> Activation? { lanes[pipeline]?.activations.last }

    /// Returns the position at which a version comes into force that labels numbered `arrival` made of `parent`: it takes its parent's
    /// place, and no other's.
    package func position(of arrival: Int64, parent: Int?, in pipeline: String) -> Int64 {
        guard let last = lastActivation(in: pipeline) else { return arrival }
        return last.version == parent ? max(arrival, last.position) : min(arrival, last.position - 1)
    }
}

extension Scheduler.Lane {
    fileprivate func version(for arrival: Int64) -> Int? {
        switch bindings[arrival] ?? .positional {
        case .positional: (activations.last { $0.position < arrival } ?? activations.first)?.version
        case .current: activations.last?.version
        case .bound(let version): version
        }
    }

    fileprivate var hasWork: Bool { !undecidedModels.isEmpty || !waitingLabels.isEmpty || !waitingData.isEmpty }

    fileprivate mutating func forgetRetry(_ arrival: Int64) {
        retries[arrival] = nil
        unreadable.remove(arrival)
        if hold?.probe == arrival { hold?.probe = nil }
    }

    fileprivate func isDue(_ arrival: Int64, now: Duration) -> Bool { retries[arrival].map { $0 <= now } ?? true }
}

extension [Int64] {
    /// Inserts an arrival in order, unless it is there already. Arrivals almost always come in order, so the search from the end is short.
    fileprivate mutating func insertSorted(_ arrival: Int64) {
        var index = endIndex
        while index > startIndex, self[index - 1] > arrival { index -= 1 }
        if index > startIndex, self[index - 1] == arrival { return }
        insert(arrival, at: index)
    }
}
