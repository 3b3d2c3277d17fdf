extension Model {
    /// Throws for a model that is unsafe or malformed, and names the first fault: contradictory or unknown content, tensors whose bytes do
    /// not fit their shape, external data outside the model's directory or out of range, values that nothing makes or that are made twice,
    /// nodes out of order, domains that are not imported, functions that call themselves, and more nodes than an engine loads in reasonable
    /// time. It reads no weights; it looks at the weights files unless `checksFiles` is false (for a model that was read from bytes alone).
    package func safetyCheck(checksFiles: Bool = true, bounds: ModelBounds = ModelBounds()) throws(ONNXError) {
        guard hasGraph else { throw .invalid(place: "model", reason: "it has no graph") }
        guard irVersion >= 3 else {
            throw .invalid(place: "model", reason: "its IR version is \(irVersion); operator sets exist since version 3")
        }
        let directory = checksFiles && hasExternalData ? try externalData() : nil
        try LoadingEstimate.check(self, FunctionTable(functions), bounds)
        let checker = GraphChecker(externalData: directory, requiresFiles: checksFiles)
        try checker.checkImports(operatorSets, place: "model")
        try checker.check(graph, imports: operatorSets)
        for function in functions { try checker.check(function) }
        for training in trainingInfo {
            for graph in [training.initialization, training.algorithm] {
                try graph?.forEachTensor { (place, tensor) throws(ONNXError) in try checker.check(tensor, place) }
            }
        }
    }
}

extension Model {
    /// Throws for a model of which an engine would compute far more than it stores, before it has any data: see `inferTypes`, whose other
    /// errors do not count here.
    package func costCheck(bounds: ModelBounds = ModelBounds()) throws(ONNXError) {
        do throws(ONNXError) { _ = try inferTypes(bounds: bounds) } catch {
            if case .tooCostly = error { throw error }
        }
    }
}

/// Knows the model's own operators, and which of them call which.
struct FunctionTable {
    private var names: Set<String> = []
    /// The functions, each after those that it calls.
    private(set) var calleesFirst: [Function] = []

    init(_ functions: [Function]) throws(ONNXError) {
        var identities: Set<String> = []
        var calls: [String: Set<String>] = [:]
        for function in functions {
            let name = Self.key(function.domain, function.name)
            guard !function.name.isEmpty else { throw .invalid(place: "functions", reason: "one has no name") }
            guard identities.insert(name + "/" + function.overload).inserted else {
                throw .invalid(place: "function \(function.name)", reason: "it is defined twice")
            }
            names.insert(name)
            function.body.forEachNode { node in calls[name, default: []].insert(Self.key(node.domain, node.operatorType)) }
        }
        try order(functions, calls)
    }

    static func key(_ domain: String, _ name: String) -> String { canonicalDomain(domain) + "/" + name }

    /// Orders the functions by removing leaves until nothing is left; a function that cannot be removed calls itself. It does not recurse,
    /// since chains may be long.
    private mutating func order(_ functions: [Function], _ calls: [String: Set<String>]) throws(ONNXError) {
        let byName = Dictionary(grouping: functions) { Self.key($0.domain, $0.name) }
        var remaining = calls.mapValues { $0.intersection(names) }
        var callers: [String: [String]] = [:]
        for (caller, callees) in remaining { for callee in callees { callers[callee, default: []].append(caller) } }
        var ready = names.filter { remaining[$0]?.isEmpty ?? true }
        var done = 0
        while let leaf = ready.popFirst() {
            done += 1
            calleesFirst += byName[leaf] ?? []
            for caller in callers[leaf] ?? [] {
                remaining[caller]?.remove(leaf)
                if remaining[caller]?.isEmpty ?? false { ready.insert(caller) }
            }
        }
        if done < names.count {
            let name = remaining.filter { !$0.value.isEmpty }.keys.sorted().first ?? ""
            throw .invalid(place: "function \(name)", reason: "it calls itself, directly or through others")
        }
    }
}
