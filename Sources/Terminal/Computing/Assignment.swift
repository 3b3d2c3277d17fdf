import ArgumentParser

/// Holds an argument `NAME=VALUE`, which is divided at its last `=`, since names of model inputs may have one.
package struct Assignment: ExpressibleByArgument {
    package let name: String
    package let value: String

    package init?(argument: String) {
        guard let separator = argument.lastIndex(of: "="), separator != argument.startIndex,
            argument.index(after: separator) != argument.endIndex
        else { return nil }
        name = String(argument[..<separator])
        value = String(argument[argument.index(after: separator)...])
    }
}
