import Recipes

/// Guesses from a model's inputs and outputs and the first rows of a data file how they belong together.
struct TemplateGuess {
    enum Binding: Equatable {
        case byName
        case pattern(String)
        case columns([String])
        case allNumeric
        /// An array with the name of the input, or the only array, fills the input.
        case array
        /// The input has this value in every row, since no column fills it.
        case value(String, batchAxis: Int?)
        /// The lengths of another input's lists fill the mask: 1 where a row has a value.
        case mask(of: String)
        /// The reader of the template must decide.
        case open
    }

    struct Input: Equatable {
        /// The input as the model declares it.
        let declared: ModelSignature.Value
        var binding: Binding
        /// The value of `missing:` in YAML, where the rows that were seen have missing values that need it.
        var missing: String?
        var booleans: String?
        var times: String?
        /// The lines for `pad:` and similar keys.
        var more: [String] = []
        var isPadded = false
        /// Remarks about what was seen, or what to check.
        var remarks: [String] = []
    }

    private(set) var key: String?
    private(set) var label: String?
    /// The guess for each input of the model, in order.
    private(set) var inputs: [Input] = []
    private(set) var outputs: [(declared: ModelSignature.Value, column: String)] = []
    /// The columns that nothing takes, in file order.
    private(set) var leftOver: [String] = []
    /// The points that the reader of the pipeline should check, in words.
    var doubts: [String] {
        inputs.flatMap { input in input.remarks.filter { $0.hasPrefix("check") }.map { "\(input.declared.name): \($0)" } }
    }

    private let model: ModelSignature
    private let data: DataSample?
    /// The columns that no input and no role has yet.
    private var free: [DataColumn] = []

    init(_ model: ModelSignature, _ data: DataSample?) {
        self.model = model
        self.data = data
        let counts = Dictionary((data?.columns ?? []).map { (Array($0.name.utf8), 1) }, uniquingKeysWith: +)
        // A name that two columns have identifies neither of them.
        free = (data?.columns ?? []).filter { !$0.isIndex && counts[Array($0.name.utf8)] == 1 }
        let inputNames = Set(model.inputs.map(\.name))
        let others = free.filter { !inputNames.contains($0.name) }
        key = Self.key(among: others)
        label = Self.label(among: others.filter { $0.name != key }, model)
        free.removeAll { $0.name == key || $0.name == label }
        inputs = model.inputs.map { Input(declared: $0, binding: .open) }
        for place in inputs.indices { bindByName(place) }
        for place in inputs.indices where inputs[place].binding == .open { bindByShape(place) }
        bindByType()
        for place in inputs.indices where inputs[place].binding == .open { bindToNothing(place) }
        if key == nil { key = Self.identifier(among: free) }
        free.removeAll { $0.name == key }
        leftOver = free.map(\.name)
        for place in inputs.indices { describe(place) }
        outputs = Self.columns(for: model.outputs, taken: key.map { [$0] } ?? [], ofLists: inputs.contains { $0.isPadded })
    }

    // MARK: Roles

    private static let keyNames = ["id", "key", "uuid", "guid", "row_id", "rowid", "index"]
    private static let labelNames = ["label", "target", "class", "y", "outcome"]

    private static func key(among columns: [DataColumn]) -> String? {
        columns.first { keyNames.contains($0.name.lowercased()) || $0.name.lowercased().hasSuffix("_id") }?.name
    }

    /// Returns a column that no input takes and that has another value in every row; nil where there is none.
    private static func identifier(among columns: [DataColumn]) -> String? {
        columns.first { $0.isUnique && ($0.kind == .text || $0.kind == .integer) }?.name
    }

    private static func label(among columns: [DataColumn], _ model: ModelSignature) -> String? {
        if let named = columns.first(where: { labelNames.contains($0.name.lowercased()) }) { return named.name }
        // A column of the model's own classes is what it has learnt, whatever the column is called.
        let classes = Set(model.classes)
        let taken = Set(model.words.values.joined())
        return columns.first { column in
            column.values.count > 1 && column.kind == .text && column.values.allSatisfy { classes.contains($0) && !taken.contains($0) }
        }?.name
    }

    // MARK: Bindings

    private mutating func take(_ names: [String]) { free.removeAll { names.contains($0.name) } }

    private mutating func bindByName(_ place: Int) {
        let declared = inputs[place].declared
        if case .arrays(let arrays) = data?.form {
            if arrays.contains(declared.name) || arrays.count == 1 && inputs.count == 1 { inputs[place].binding = .array }
            return
        }
        func plain(_ name: String) -> String { String(name.lowercased().filter { $0.isLetter || $0.isNumber }) }
        let takesOne = declared.width == nil || declared.width == 1
        if let column = free.first(where: { $0.name == declared.name }), takesOne || column.isList {
            inputs[place].binding = .byName
            take([column.name])
        } else if takesOne, let column = free.first(where: { plain($0.name) == plain(declared.name) && !plain($0.name).isEmpty }) {
            inputs[place].binding = .columns([column.name])
            take([column.name])
        }
    }

    /// Binds columns with numbers after a common prefix, if no other column has that prefix, and the only column of lists.
    private mutating func bindByShape(_ place: Int) {
        let declared = inputs[place].declared
        let lists = free.filter(\.isList)
        if declared.axes.count > 1, lists.count == 1,
            inputs.count(where: { $0.binding == .open && $0.declared.axes.count > 1 }) == 1 || inputs.count == 1
        {
            inputs[place].binding = .columns([lists[0].name])
            return take([lists[0].name])
        }
        let groups = Dictionary(grouping: free.filter { $0.isNumeric && $0.name.last?.isNumber == true }.map(\.name)) { name in
            String(name.reversed().drop { $0.isNumber }.reversed())
        }
        let all = free.map(\.name)
        let fitting = groups.filter { prefix, members in
            !prefix.isEmpty && !prefix.contains { "*?[]".contains($0) } && members.count > 1
                && members.count == declared.width ?? members.count && all.count { $0.hasPrefix(prefix) } == members.count
        }
        guard fitting.count == 1, let (prefix, members) = fitting.first else { return }
        inputs[place].binding = .pattern(prefix + "*")
        take(members)
    }

    /// Binds text to text and numbers to numbers; whole numbers go to inputs of integers where other inputs take floats.
    private mutating func bindByType() {
        let open = inputs.indices.filter {
            inputs[$0].binding == .open && !inputs[$0].declared.axes.isEmpty && inputs[$0].declared.isTensor
        }
        let texts = open.filter { inputs[$0].declared.isText }
        if texts.count == 1 { bind(texts[0], among: free.filter { $0.kind == .text }) }
        let numeric = open.filter { !inputs[$0].declared.isText }
        let floats = numeric.filter { inputs[$0].declared.isFloat }, integers = numeric.filter { !inputs[$0].declared.isFloat }
        if numeric.count == 1 {
            bind(numeric[0], among: free.filter(\.isNumeric))
        } else if floats.count == 1, integers.count == 1 {
            bind(integers[0], among: free.filter { $0.kind == .integer || $0.kind == .boolean })
            if inputs[integers[0]].binding != .open { bind(floats[0], among: free.filter(\.isNumeric)) }
        }
    }

    /// Binds as many columns as the input takes. Where there are more, it takes the first ones and adds a remark to check them, since only
    /// people know which are right.
    private mutating func bind(_ place: Int, among columns: [DataColumn]) {
        let declared = inputs[place].declared, names = columns.map(\.name)
        guard !names.isEmpty else { return }
        guard let width = declared.width else {
            // An open width does not say how many columns the input takes.
            guard declared.axes.count == 2 else { return }
            inputs[place].binding = inputs.count == 1 && !declared.isText ? .allNumeric : .columns(names)
            return take(names)
        }
        if width == names.count {
            inputs[place].binding = names.count > Self.most && inputs.count == 1 && !declared.isText ? .allNumeric : .columns(names)
            return take(names)
        }
        guard width < names.count, width <= Self.most else { return }
        var chosen = Array(names.prefix(width))
        if declared.isText, width == 1, let longest = columns.max(by: { $0.averageLength < $1.averageLength }) { chosen = [longest.name] }
        inputs[place].binding = .columns(chosen)
        let kind = declared.isText ? "text" : "numeric"
        let left = names.filter { !chosen.contains($0) }
        let why =
            declared.isText && width == 1
            ? "the longest of \(names.count) text columns" : "the first \(width) of \(names.count) \(kind) columns"
        inputs[place].remarks.append("check: \(why); not \(left.prefix(4).joined(separator: ", "))\(left.count > 4 ? ", …" : "")")
        take(chosen)
    }

    /// The largest number of columns that are written out one by one.
    static let most = 24

    /// Binds inputs that no column fills: masks, states and settings.
    private mutating func bindToNothing(_ place: Int) {
        let declared = inputs[place].declared, name = declared.name.lowercased()
        guard declared.isTensor, !declared.isText, data != nil else { return }
        let lists = inputs.filter { input in
            guard case .columns(let names) = input.binding, names.count == 1 else {
                return input.binding == .byName && listColumn(input) != nil
            }
            return data?[column: names[0]]?.isList ?? false
        }
        if name.contains("mask"), let ids = lists.first, ids.declared.axes.count == declared.axes.count {
            inputs[place].binding = .mask(of: ids.declared.name)
        } else if name.contains("token_type"), let ids = lists.first, ids.declared.axes.count == declared.axes.count {
            inputs[place].binding = .value("0", batchAxis: nil)
        } else if ["sr", "sample_rate", "sampling_rate"].contains(name), declared.axes.count <= 1 {
            inputs[place].binding = .value("16000", batchAxis: nil)
            inputs[place].remarks.append("check: samples a second")
        } else if let axis = rowAxis(of: declared), declared.isFloat {
            // For a state that a model starts from, only zeros can be right in every row.
            inputs[place].binding = .value("0", batchAxis: axis == 0 ? nil : axis)
            inputs[place].remarks.append("check: the same in every row")
        }
    }

    /// Returns the axis of a state that is the other inputs' first axis; nil where none is.
    private func rowAxis(of declared: ModelSignature.Value) -> Int? {
        guard declared.axes.count > 1, inputs.contains(where: { $0.binding != .open }) else { return nil }
        let firsts = inputs.filter { $0.binding != .open }.compactMap { $0.declared.axes.first }
        for (place, axis) in declared.axes.enumerated() where place > 0 {
            if case .named = axis, firsts.contains(axis) { return place }
        }
        return nil
    }

    private func listColumn(_ input: Input) -> DataColumn? {
        switch input.binding {
        case .byName: data?[column: input.declared.name].flatMap { $0.isList ? $0 : nil }
        case .columns(let names) where names.count == 1: data?[column: names[0]].flatMap { $0.isList ? $0 : nil }
        default: nil
        }
    }

    // MARK: What was seen

    private mutating func describe(_ place: Int) {
        guard let data, data.rowCount > 0 else { return }
        let columns = boundColumns(inputs[place])
        let declared = inputs[place].declared
        let gaps = columns.filter { $0.missingCount > 0 }
        if let worst = gaps.max(by: { $0.missingCount < $1.missingCount }) {
            let seen =
                "\(worst.name) is missing in \(worst.missingCount) of \(data.rowCount) rows"
                + (gaps.count > 1 ? ", \(gaps.count - 1) other column\(gaps.count > 2 ? "s" : "") too" : "")
            if declared.isText {
                let known = model.words[declared.name] ?? []
                let word = ["", "missing", "unknown", "Unknown", "nan", "NaN", "NA", "None"].first(where: known.contains) ?? ""
                inputs[place].missing = PipelineTemplate.quoted(word)
                inputs[place].remarks.append(seen + (known.contains(word) ? ", a word that the model knows" : ""))
            } else if model.nanInputs.contains(declared.name) {
                inputs[place].remarks.append(seen + ": NaN, which the model handles")
            } else {
                inputs[place].remarks.append("check: \(seen), which is an error; `missing:` can be nan or a number")
            }
        }
        if declared.isText, columns.contains(where: { $0.kind == .boolean }) {
            let known = Set(model.words[declared.name] ?? [])
            let spelled = columns.first { $0.kind == .boolean }.map { Set($0.values) } ?? []
            let spellings = [("False", "True"), ("false", "true"), ("FALSE", "TRUE")]
            // The model's own words come first, then those of a text file.
            let pair =
                spellings.first { known.contains($0.1) || known.contains($0.0) }
                ?? (data.form == .csv ? spellings.first { !spelled.isEmpty && spelled.isSubset(of: [$0.0, $0.1]) } : nil) ?? spellings[0]
            inputs[place].booleans = "[\"\(pair.0)\", \"\(pair.1)\"]"
        }
        // Only text files leave open whether what looks like a time is one.
        if declared.isText, columns.contains(where: { $0.kind == .time || $0.holdsTimes && data.form != .typed }) {
            inputs[place].times = data.form == .typed ? "iso" : "text"
        }
        if let list = listColumn(inputs[place]), case .list(let lengths, _) = list.kind {
            if lengths.count > 1 {
                inputs[place].isPadded = true
                inputs[place].more.append(declared.isText ? "pad: \"\"" : "pad: 0")
                if let mask = inputs.first(where: { $0.binding == .mask(of: declared.name) }) {
                    inputs[place].more.append("mask: \(PipelineTemplate.yaml(mask.declared.name))")
                }
            }
            inputs[place].remarks.append("lists of \(lengths.lowerBound)" + (lengths.count > 1 ? " to \(lengths.upperBound)" : ""))
        }
    }

    private func boundColumns(_ input: Input) -> [DataColumn] {
        guard let data else { return [] }
        switch input.binding {
        case .byName: return data.columns.filter { $0.name == input.declared.name }
        case .columns(let names): return data.columns.filter { names.contains($0.name) }
        case .pattern(let pattern): return data.columns.filter { $0.name.hasPrefix(pattern.dropLast()) }
        case .allNumeric: return data.columns.filter { $0.isNumeric && $0.name != key && $0.name != label && !$0.isIndex }
        case .array, .value, .mask, .open: return []
        }
    }

    // MARK: Outputs

    /// - Parameter ofLists: tells whether rows differ in length, so that an output with an axis that the model leaves open is one column of
    ///   lists.
    private static func columns(for outputs: [ModelSignature.Value], taken: Set<String>, ofLists: Bool) -> [(
        declared: ModelSignature.Value, column: String
    )] {
        var taken = taken
        return outputs.map { declared in
            let safe = String(declared.name.map { $0.isASCII && ($0.isLetter || $0.isNumber) || $0 == "_" ? $0 : "_" })
            let stem = safe.allSatisfy { $0 == "_" } ? "output" : safe
            let isList = ofLists && declared.isTensor && declared.width == nil
            let suffix = declared.width == 1 || isList ? "" : "_*"
            var column = stem + suffix
            var number = 2
            while !taken.insert(column).inserted {
                column = "\(stem)_\(number)\(suffix)"
                number += 1
            }
            return (declared, column)
        }
    }
}

extension DataColumn {
    var isList: Bool { if case .list = kind { true } else { false } }
}
