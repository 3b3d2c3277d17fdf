import Foundation
import Glibc
import ONNX

// StringNormalizer, which every text vectorizer of scikit-learn's exporters has, asks for a locale by name (`en_US.UTF-8` if it names
// none), and the engine does not load the model where the system lacks the locale. Containers have only C.UTF-8.

extension Model {
    /// Tells whether a StringNormalizer asks for a locale that this system lacks and that changes the case of letters as C.UTF-8 does.
    var hasReplaceableLocales: Bool {
        var found = false
        forEachNode { node in found = found || node.replaceableLocale != nil }
        return found
    }

    /// Replaces such locales by C.UTF-8 for the engine; what is published keeps them.
    mutating func replaceLocales() {
        graph.replaceLocales()
        for index in functions.indices { functions[index].nodes.replaceLocales() }
    }
}

extension Graph {
    fileprivate mutating func replaceLocales() { nodes.replaceLocales() }
}

extension [Node] {
    fileprivate mutating func replaceLocales() {
        for index in indices {
            if self[index].replaceableLocale != nil { self[index][attribute: "locale"] = .string("C.UTF-8") }
            for position in self[index].attributes.indices {
                guard case .graph(var body) = self[index].attributes[position].value else { continue }
                body.replaceLocales()
                self[index].attributes[position].value = .graph(body)
            }
        }
    }
}

extension Node {
    fileprivate var replaceableLocale: String? {
        guard operatorType == "StringNormalizer" else { return nil }
        let name = attribute("locale")?.string ?? "en_US.UTF-8"
        guard SystemLocale.mapsLettersAsC(name), !SystemLocale.exists(name), SystemLocale.exists("C.UTF-8") else { return nil }
        return name
    }
}

enum SystemLocale {
    static func exists(_ name: String) -> Bool {
        // The mask stands for all categories, as the C++ library asks for them: it is glibc's LC_ALL_MASK, a macro that Swift does not see.
        guard let locale = newlocale(0x1FBF, name, nil) else { return false }
        freelocale(locale)
        return true
    }

    /// Returns whether letters change case as in C.UTF-8: they do in all locales of UTF-8 except the Turkic ones, which have an i without a
    /// dot.
    static func mapsLettersAsC(_ name: String) -> Bool {
        guard name.lowercased().hasSuffix(".utf-8") || name.lowercased().hasSuffix(".utf8") else { return false }
        let language = name.prefix { $0 != "_" && $0 != "." }
        return (2...3).contains(language.count) && !["tr", "az", "crh", "ku", "tt", "kk"].contains(language)
    }
}
