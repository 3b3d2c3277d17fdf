import Foundation

/// Refuses a state or work folder that `millrace.yaml` puts elsewhere while what it held stays behind: to begin with an empty one would do
/// everything again.
package enum MovedState {
    package struct Left: Error, CustomStringConvertible {
        let old: String
        let new: String
        let what: String
        let key: String

        package var description: String {
            "`\(key)` of millrace.yaml is \(new), and \(what) is still in \(old). Move what is in \(old) there, or put `\(key)` back"
        }
    }

    package static func refuse(root: String, state: String, work: String) throws(Left) {
        let old = root + "/.millrace"
        if exists(old + "/ledger.sqlite"), !isSame(old, state), !exists(state + "/ledger.sqlite") {
            throw Left(old: old, new: state, what: "the ledger", key: "state")
        }
        let isInUse = exists(work + "/training") || exists(work + "/epochs")
        for left in Set([old, state]).sorted() where exists(left + "/training") && !isSame(left, work) && !isInUse {
            throw Left(old: left, new: work, what: "what training keeps (`training`)", key: "work")
        }
    }

    private static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

    private static func isSame(_ a: String, _ b: String) -> Bool {
        URL(fileURLWithPath: a).resolvingSymlinksInPath().standardizedFileURL
            == URL(fileURLWithPath: b).resolvingSymlinksInPath().standardizedFileURL
    }
}
