internal import Reasons
import Recipes

/// Reads `pad`, `mask` and `length` of a model input.
enum PaddingReader {
    static func mask(_ section: Section, of input: String) -> String? {
        defer { checkPad(section, "mask") }
        let mask = section.text("mask")
        guard mask == input || mask == "" else { return mask }
        section.refuse(
            .badValue, "mask", mask == "" ? "an empty name" : "an input is not its own mask",
            "name the model's mask input, like attention_mask")
        return nil
    }

    static func length(_ section: Section) -> Int? {
        let length = section.integer("length", in: 1...1_000_000_000)
        checkPad(section, "length")
        return length
    }

    /// Refuses a key that says how rows are filled up where nothing says with what.
    private static func checkPad(_ section: Section, _ key: String) {
        if section.has("pad") || section.mistyped.contains("pad") || !section.has(key) { return }
        section.refuse(.badValue, key, "nothing is filled up, since there is no `pad`", "say what fills up shorter rows, like pad: 0")
    }

    static func pad(_ section: Section) -> Pad? {
        guard let node = section.node("pad") else { return nil }
        if case .scalar(let text, isPlain: let isPlain) = node.content {
            if !isPlain {
                if section.has("scale") {
                    section.refuse(
                        .badValue, "pad", "a text stands where `scale` wants numbers", "write a number, or remove one of the two")
                }
                return .text(text)
            }
            if let integer = Int64(text) { return .integer(integer) }
            if let number = Double(text), number.isFinite { return .number(number) }
        }
        section.refuse(
            .badValue, "pad", "\(node.kind) does not say what fills up a shorter row", "write a number, like 0, or a text in quotes")
        return nil
    }

    /// Checks what depends on several inputs.
    static func check(_ inputs: [InputSchema], _ schema: Section) {
        for input in inputs {
            guard let name = input.mask, let mask = inputs.first(where: { $0.name == name }) else { continue }
            let key = "schema.inputs.\(name)"
            func refuse(_ part: String, _ fault: String, _ remedy: String) {
                let path = "\(key).\(part)"
                schema.reading.problems.add(.badValue, schema.reading.positions[path], path, fault, remedy)
            }
            if mask.value != nil {
                refuse(
                    "value", "\(name.clipped) is the mask of \(input.name.clipped), and no mask is the same in every row",
                    "remove it here, or `mask` there")
            }
            if mask.mask != nil { refuse("mask", "\(name.clipped) is the mask of \(input.name.clipped) and has none itself", "remove it") }
            switch mask.pad {
            case .integer(0), .number(0), nil: break
            default:
                refuse(
                    "pad", "\(name.clipped) is the mask of \(input.name.clipped), and a mask is 0 where there is padding",
                    "write pad: 0, or remove it")
            }
            if let length = mask.length, length != input.length {
                refuse(
                    "length", "\(name.clipped) is the mask of \(input.name.clipped), which has another length",
                    "give both the same, or remove it here")
            }
        }
    }
}
