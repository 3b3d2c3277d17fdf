import ArgumentParser

/// `NAME=VALUE`, divided at the last `=` before the value, since names of model inputs may hold one.
package struct Assignment: ExpressibleByArgument {
    package let name: String
    package let value: String

    package init?(argument: String) {
        guard let place = argument.lastIndex(of: "="), place != argument.startIndex, argument.index(after: place) != argument.endIndex
        else { return nil }
        name = String(argument[..<place])
        value = String(argument[argument.index(after: place)...])
    }
}
