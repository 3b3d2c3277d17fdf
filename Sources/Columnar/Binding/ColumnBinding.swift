internal import Names
internal import Reasons
internal import Recipes
internal import Tensors

/// Says which columns an input takes.
struct InputBinding {
    let input: ModelInput
    let rule: InputRule
    /// The positions of the columns in the file's schema.
    let positions: [Int]
    /// Tells whether the one column holds the whole row as a list.
    let isList: Bool
    /// Tells whether each row's lists have a shape of their own; `rowShape` is empty then.
    var isOpen = false
    /// Tells whether only the file's own order decides which column comes first.
    let isInFileOrder: Bool
    let rowShape: [Int]
    /// The number of elements of a row; lists with shapes of their own are read one element at a time.
    var width: Int { rowShape.reduce(1, *) }
}

/// Finds the columns of every input by the rules that `TableBinder` states.
struct ColumnBinding {
    let file: String
    let schema: TableSchema
    let format: TableFormat
    let table: TableSchemaRule
    /// The columns that earlier files bound, by input.
    let pinned: [String: [String]]
    private let indexColumns: Set<String>
    /// The names and patterns of columns that are looked for, besides those of `table` and `pinned`.
    private let others: [String]

    init(
        file: String, schema: TableSchema, format: TableFormat, table: TableSchemaRule, pinned: [String: [String]], others: [String]
    ) {
        self.file = file
        self.schema = schema
        self.format = format
        self.table = table
        self.pinned = pinned
        indexColumns = PandasIndex.columns(schema.metadata)
        self.others = others
    }

    /// Tells whether what stands as names may be a row of data: a CSV file has none of the names that are looked for. They are told as
    /// cells are then.
    private var mayLackHeader: Bool {
        guard format.kind == .csv else { return false }
        let named = table.key + table.keep + table.others + (table.label.map { [$0] } ?? []) + pinned.values.joined() + others
        let known = NameSet(schema.names)
        if named.contains(where: { known.contains($0) }) { return false }
        let patterns = named.filter(NamePattern.isPattern).map(NamePattern.init)
        return !schema.names.contains { name in patterns.contains { $0.matches(name) } }
    }

    func bind(_ inputs: [ModelInput], _ rules: NameMap<InputRule>) throws(ColumnarError) -> [InputBinding] {
        for name in rules.keys.sorted() where !inputs.contains(where: { $0.name.isName(name) }) {
            throw .badRule("the pipeline has a rule for the input \"\(name)\", which the model lacks: \(inputNames(inputs))")
        }
        let bound = inputs.filter { !isMade($0, rules) }
        var bindings: [InputBinding] = []
        for input in bound { bindings.append(try bind(input, rules[input.name] ?? InputRule(), isOnly: bound.count == 1)) }
        return bindings
    }

    /// Throws where a column that the pipeline names is missing; patterns and columns without a name of their own are not looked for.
    func checkNamed(_ rules: NameMap<InputRule>) throws(ColumnarError) {
        for (input, rule) in rules.sorted(by: { $0.key < $1.key }) {
            guard case .list(let names) = rule.columns else { continue }
            for name in names where !NamePattern.isPattern(name) { _ = try position(of: name, input: input) }
        }
    }

    /// Returns whether an input is the mask of another input and no column fills it.
    private func isMade(_ input: ModelInput, _ rules: NameMap<InputRule>) -> Bool {
        guard rules.values.contains(where: { $0.mask?.isName(input.name) == true }), rules[input.name]?.columns == nil else { return false }
        return !schema.names.contains { $0.isName(input.name) || NamePattern(input.name + "_*").matches($0) }
    }

    func keptPositions() throws(ColumnarError) -> [Int] {
        var positions: [Int] = []
        for name in table.keep { positions.append(try position(of: name, input: nil)) }
        return positions
    }

    private func inputNames(_ inputs: [ModelInput]) -> String {
        "its inputs are " + inputs.map { "\"\($0.name)\"" }.joined(separator: ", ")
    }

    private func bind(_ input: ModelInput, _ rule: InputRule, isOnly: Bool) throws(ColumnarError) -> InputBinding {
        guard !input.dimensions.isEmpty else {
            throw .badRule("model input \"\(input.name)\" is a scalar without a row axis: no column can fill it")
        }
        let (positions, isInFileOrder) = try positions(input, rule, isOnly: isOnly)
        if positions.count == 1, schema.fields[positions[0]].type == .list { return try bindList(input, rule, positions[0]) }
        guard let shape = input.rowShape(width: positions.count) else {
            let names = positions.map { schema.fields[$0].name }
            let wanted = input.width.map { "\($0) column\($0 == 1 ? "" : "s")" } ?? "a number of columns that fits \(input.description)"
            throw .mismatch(
                TableLocation(file: file, input: input.name),
                reason: "its shape \(input.description) takes \(wanted), and \(names.count) fit\(told(": " + listed(names)))")
        }
        for position in positions { try checkType(schema.fields[position], input, rule) }
        let binding = InputBinding(
            input: input, rule: rule, positions: positions, isList: false, isInFileOrder: isInFileOrder, rowShape: shape)
        try checkPins(binding)
        return binding
    }

    private func bindList(_ input: ModelInput, _ rule: InputRule, _ position: Int) throws(ColumnarError) -> InputBinding {
        let field = schema.fields[position]
        func refuse(_ reason: String) -> ColumnarError {
            .mismatch(TableLocation(file: file, column: field.name, input: input.name), reason: Reason(reason))
        }
        let axes = Array(input.dimensions.dropFirst())
        let (depth, element) = field.nesting
        // Text may hold numbers: only its values tell.
        guard element.type.isNumeric || element.type.isString || element.type == .null
        else { throw refuse("a list of \(element.type.name) does not fit \(input.elementType.name)") }
        let given = field.fixedExtents
        let isBlock = depth == axes.count
        let flat = given.reduce(Int?.some(1)) { product, extent in product.flatMap { product in extent.map { $0 * product } } }
        // A flat list may hold the elements of several axes, row-major, where at most one of them is open.
        let couldFit =
            isBlock
            ? zip(axes, given).allSatisfy { axis, extent in
                axis == nil || extent == nil || axis == extent || rule.pad != nil && extent! < axis!
            }
            : depth == 1 && !axes.isEmpty && (flat.map { input.rowShape(width: $0) != nil } ?? (axes.count { $0 == nil } <= 1))
        guard couldFit else {
            let lists = depth == 1 ? "lists" : "lists in \(depth) levels"
            throw refuse("\(lists)\(flat.map { " of \($0) elements" } ?? "") do not fit the shape \(input.description)")
        }
        let isOpen = rule.pad != nil || axes.contains(nil)
        return InputBinding(
            input: input, rule: rule, positions: [position], isList: true, isOpen: isOpen, isInFileOrder: false,
            rowShape: isOpen ? [] : axes.compactMap(\.self))
    }

    /// Throws where a column's type does not fit the input. Text gets the type that the input asks for, so only columns with types of their
    /// own can be wrong here. Text may hold numbers, which only its values show.
    private func checkType(_ field: Field, _ input: ModelInput, _ rule: InputRule) throws(ColumnarError) {
        let type = field.type.ofValues
        if format.kind != .csv, input.elementType == .string, let question = question(type, field, input, rule) {
            throw .mismatch(TableLocation(file: file, column: field.name, input: input.name), reason: Reason(question))
        }
        if format.isText, field.type != .list, field.type != .structure { return }
        // A time among numbers is an error of its row, as it is in text.
        let fits = type.isString || type.isNumeric || type == .null || type == .time && !hasNoText(field)
        guard fits else {
            throw .mismatch(
                TableLocation(file: file, column: field.name, input: input.name),
                reason: "the column is of type \(field.typeName), the input takes \(input.elementType.name)")
        }
    }

    /// Returns why a column of booleans or times cannot fill an input of text under the rule; nil where it can.
    private func question(_ type: ColumnType, _ field: Field, _ input: ModelInput, _ rule: InputRule) -> String? {
        if type == .boolean {
            if case .words = rule.booleans { return nil }
            return BooleanSpelling.question(input.name)
        }
        guard type == .time else { return nil }
        if hasNoText(field) { return "the column is of type \(field.typeName), which has no text" }
        return rule.times == .iso ? nil : TimeSpelling.question(input.name)
    }

    /// Returns whether the column holds durations or intervals, which have no text.
    private func hasNoText(_ field: Field) -> Bool { field.valueFormat.hasPrefix("tD") || field.valueFormat.hasPrefix("ti") }

    /// Returns whether the columns, or their types, depend on the content of the whole file.
    func dependsOnWholeFile(_ inputs: [ModelInput], _ rules: NameMap<InputRule>) -> Bool {
        let isJSON = format.kind == .jsonLines
        func isUnknown(_ name: String) -> Bool { isJSON && schema.positions(of: name).isEmpty }
        // So far there are only empty lists: later ones show how deeply the elements are nested.
        if isJSON, schema.fields.contains(where: { $0.type == .list && $0.nesting.element.type == .null }) { return true }
        if table.keep.contains(where: { isJSON && table.types[$0] == nil || isUnknown($0) }) { return true }
        let bound = inputs.filter { !isMade($0, rules) }
        return bound.contains { input in
            switch rules[input.name]?.columns {
            case .pattern: return isJSON
            case .list(let names): return names.contains { isUnknown($0) || isJSON && NamePattern.isPattern($0) }
            case nil: break
            }
            // A key that has had no value so far may hold booleans, which an input of text refuses without `booleans`.
            let named = schema.positions(of: input.name).map { schema.fields[$0].type }
            let takesOwnName = !named.isEmpty && (input.width == 1 || named.contains(.list))
            if takesOwnName { return isJSON && input.elementType == .string && named.contains(.null) }
            if bound.count == 1 { return pinned[input.name].map { $0.contains(where: isUnknown) } ?? true }
            return isJSON
        }
    }

    private func checkPins(_ binding: InputBinding) throws(ColumnarError) {
        try Self.checkOrder(
            binding.positions.map { schema.fields[$0].name }, pinned[binding.input.name],
            TableLocation(file: file, input: binding.input.name), tellsNames: !mayLackHeader)
    }

    /// Throws where an input's columns, which only the file's order decides, are not those of an earlier file.
    /// - Parameter tellsNames: whether the names that the file has are names for sure.
    static func checkOrder(
        _ now: [String], _ before: [String]?, _ location: TableLocation, tellsNames: Bool = true
    ) throws(ColumnarError) {
        guard let before, !now.areNames(before) else { return }
        let changed = zip(now, before).enumerated().first { !$0.element.0.isName($0.element.1) }
        func name(_ text: String) -> Reason { tellsNames ? "\"\(text)\"" : "\(cell: text, hidden: "another")" }
        let detail: Reason =
            changed.map { "column \($0.offset + 1) is now \(name($0.element.0)) and was \"\($0.element.1)\"" }
            ?? "there are now \(now.count) columns, and there were \(before.count)"
        throw .mismatch(
            location,
            reason: "its columns are not those of the first file, in their order (\(detail)): name them in the pipeline's schema.inputs")
    }

    private func positions(
        _ input: ModelInput, _ rule: InputRule, isOnly: Bool
    ) throws(ColumnarError) -> (columns: [Int], isInFileOrder: Bool) {
        switch rule.columns {
        case .pattern(let pattern): return (try matching(pattern, input), false)
        case .list(let names):
            var positions: [Int] = []
            for name in names {
                positions +=
                    NamePattern.isPattern(name) && schema.positions(of: name).isEmpty
                    ? try matching(name, input) : [try position(of: name, input: input.name)]
            }
            return (positions, false)
        case nil: break
        }
        let named = schema.positions(of: input.name)
        if let first = named.first, input.width == nil || input.width == 1 || schema.fields[first].type == .list {
            // An open width is as wide as the one column only where no other reading is possible.
            if input.width != nil || !isOnly || schema.fields[first].type == .list {
                return ([try position(of: input.name, input: input.name)], false)
            }
        }
        if isOnly { return (try features(input), true) }
        if input.width != 1 {
            let pattern = NamePattern(input.name + "_*")
            let numbered = schema.fields.indices.filter { pattern.matches(schema.fields[$0].name) && !isNoFeature($0) && !isIndex($0) }
            if !numbered.isEmpty {
                return (numbered.sorted { precedesNumerically(schema.fields[$0].name, schema.fields[$1].name) }, false)
            }
        }
        return ([try position(of: input.name, input: input.name)], false)
    }

    private func isNoFeature(_ position: Int) -> Bool { table.isNoFeature(schema.fields[position].name) }

    /// Returns whether a column only counts or names the rows, so that it fills an input only if the pipeline names it: a column without a
    /// name, as pandas writes its index in CSV, or one that pandas' metadata lists as the index.
    private func isIndex(_ position: Int) -> Bool {
        let name = schema.fields[position].name
        return name.isEmpty || PandasIndex.isDefaultName(name) || indexColumns.contains(name)
    }

    private func matching(_ pattern: String, _ input: ModelInput) throws(ColumnarError) -> [Int] {
        let names = NamePattern(pattern)
        let found = schema.fields.indices.filter { names.matches(schema.fields[$0].name) && !isNoFeature($0) && !isIndex($0) }
        guard !found.isEmpty else {
            throw .mismatch(
                TableLocation(file: file, input: input.name),
                reason: "no column matches \"\(pattern)\": \(columns(besides: pattern))")
        }
        try checkNames(found, input)
        return found.sorted { precedesNumerically(schema.fields[$0].name, schema.fields[$1].name) }
    }

    /// Returns all numeric columns (of text for an input of strings) except label, key and kept ones, in file order.
    private func features(_ input: ModelInput) throws(ColumnarError) -> [Int] {
        let others = NameSet(table.key + table.keep)
        let left = schema.fields.indices.filter { !others.contains(schema.fields[$0].name) && !isNoFeature($0) && !isIndex($0) }
        func columns(_ accept: (ColumnType) -> Bool) -> [Int] { left.filter { accept(schema.fields[$0].type) } }
        if let pins = pinned[input.name] {
            // A column of the first file is bound whatever its type is here: it may have no values, or hold its numbers as text.
            let bound = NameSet(pins)
            let known = left.filter { position in
                let type = schema.fields[position].type
                if bound.contains(schema.fields[position].name) { return type.isNumeric || type.isString || type == .null }
                return type.isNumeric || input.elementType == .string && type.isString
            }
            if known.map({ schema.fields[$0].name }).areNames(pins) { return known }
        }
        var candidates: [[Int]]
        if input.elementType == .string {
            candidates = [
                columns(\.isString), columns { $0.isString || $0 == .null }, columns { $0.isString || $0.isNumeric || $0 == .null },
            ]
        } else {
            candidates = [columns { $0.isNumeric || $0 == .null }, columns(\.isNumeric)]
        }
        candidates.removeAll(where: \.isEmpty)
        guard let fallback = candidates.first else {
            let columns = ": its columns are " + listed(schema.fields.map { "\($0.name) (\($0.type.name))" })
            throw .mismatch(
                TableLocation(file: file, input: input.name),
                reason:
                    "the table has no \(input.elementType == .string ? "text" : "numeric") column left for it\(told(columns))")
        }
        let chosen = candidates.first { input.rowShape(width: $0.count) != nil } ?? fallback
        try checkNames(chosen, input)
        return chosen
    }

    private func checkNames(_ positions: [Int], _ input: ModelInput) throws(ColumnarError) {
        for position in positions {
            let name = schema.fields[position].name
            if schema.positions(of: name).count > 1 { throw doubled(name, input.name) }
        }
    }

    private func position(of name: String, input: String?) throws(ColumnarError) -> Int {
        let found = schema.positions(of: name)
        if found.count == 1 { return found[0] }
        if found.count > 1 { throw doubled(name, input) }
        throw .mismatch(
            TableLocation(file: file, column: name, input: input),
            reason: "the table has no such column: \(columns(besides: name))")
    }

    /// Says which columns there are in place of one that is wanted.
    private func columns(besides wanted: String) -> Reason {
        let words = suggestion(for: wanted, among: schema.names)
        // Hardly any cell is so like a name by chance.
        let isClose = wanted.count >= 5 && words.hasPrefix("did you mean")
        if !mayLackHeader || isClose { return Reason(words) }
        return "\(cell: schema.names.joined(separator: ", "), shown: words, hidden: Self.noHeader)"
    }

    /// Returns words that have names of columns in them, which are left out where these may be cells.
    private func told(_ words: String) -> Reason {
        mayLackHeader ? "\(cell: schema.names.joined(separator: ", "), shown: words, hidden: ": " + Self.noHeader)" : Reason(words)
    }

    private static let noHeader =
        "none of the columns that are looked for is in its first row; if that is no header, the pipeline says so with dialect.header"

    private func doubled(_ name: String, _ input: String?) -> ColumnarError {
        .mismatch(
            TableLocation(file: file, column: name, input: input),
            reason: "the table has more than one column of this name: rename one where the file is made")
    }
}

func listed(_ names: [String]) -> String {
    names.isEmpty ? "none" : names.prefix(8).joined(separator: ", ") + (names.count > 8 ? " and \(names.count - 8) more" : "")
}
