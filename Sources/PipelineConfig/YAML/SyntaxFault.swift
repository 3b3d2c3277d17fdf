import Yams

/// Describes a complaint of the YAML parser, in words that say what to write.
struct SyntaxFault {
    let position: Position
    let fault: String
    let remedy: String

    init(_ error: YamlError, in source: SourceText) {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let position = Position(line: mark.line, column: mark.column)
            self.init(problem, context: context, at: position, in: source)
        case .reader(let problem, _, _, _):
            self.init(
                position: Position(line: 1, column: 1), fault: "the file cannot be read as YAML: \(problem)",
                remedy: "save it as UTF-8 text")
        default:
            self.init(
                position: Position(line: 1, column: 1), fault: "the YAML parser refuses the file: \(error)", remedy: "check its syntax")
        }
    }

    private init(position: Position, fault: String, remedy: String) {
        self.position = position
        self.fault = fault
        self.remedy = remedy
    }

    private init(_ problem: String, context: YamlError.Context?, at position: Position, in source: SourceText) {
        func says(_ words: String) -> Bool { problem.contains(words) || (context?.text.contains(words) ?? false) }
        let opened = context.map { Position(line: $0.mark.line, column: $0.mark.column) } ?? position
        let here = source[position]
        switch true {
        case problem.contains("another document"):
            self.init(position: position, fault: "a second document begins here", remedy: "put each pipeline in a file of its own")
        case here == "\t" && (says("cannot start any token") || says("indentation") || says("tab")):
            self.init(position: position, fault: "there is a tab where YAML takes only spaces", remedy: "indent with spaces")
        case says("cannot start any token"):
            self.init(
                position: position, fault: "a value cannot begin with `\(here.map(String.init) ?? "")`", remedy: "put the value in quotes")
        case says("scanning an alias") || says("undefined alias"):
            self.init(
                position: says("undefined alias") ? position : opened,
                fault: "a `*` without quotes begins a YAML alias, and none has this name",
                remedy: "put a pattern that begins with `*` in quotes")
        case says("mapping values are not allowed"):
            self.init(
                position: position, fault: "a `:` where no key can stand",
                remedy: "indent the keys of one mapping alike, and put a value with `: ` in it in quotes")
        case says("',' or ']'"):
            self.init(
                position: opened, fault: "the list that begins here does not end",
                remedy: "close it with `]`, and put `,` between its items")
        case says("',' or '}'"):
            self.init(
                position: opened, fault: "the mapping that begins here does not end",
                remedy: "close it with `}`, and put `,` between its keys")
        case says("could not find expected ':'"):
            self.init(position: opened, fault: "a key without `:`", remedy: "write `key: value`")
        case says("quoted scalar") && says("unexpected end of stream"):
            self.init(position: opened, fault: "the quote that opens here is never closed", remedy: "close it")
        case says("escape character"):
            self.init(
                position: position, fault: "a backslash in double quotes begins an escape, and this is none",
                remedy: "use single quotes, or double the backslash")
        case says("expected node content"):
            self.init(position: position, fault: "a value or a closing bracket is missing", remedy: "look here and at the brackets above")
        case says("nesting level"):
            self.init(position: position, fault: "values are nested too deep", remedy: "check the brackets")
        case says("expected key") || says("block collection") || says("block mapping"):
            self.init(
                position: position, fault: "this line does not continue what stands above it",
                remedy: "indent the keys of one mapping alike")
        default:
            self.init(position: position, fault: "this is not YAML: \(problem)", remedy: "check quotes, brackets and indentation above")
        }
    }
}
