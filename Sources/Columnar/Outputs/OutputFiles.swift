/// Gives a writer the open files that it writes to.
///
/// Who writes need not be who may open: where the files come from someone else, the writer has no name of them but for messages.
package struct OutputFiles {
    /// The path of the output, for messages.
    package let path: String
    /// Returns the output's file, which is empty. Each call begins the file again.
    let begin: () throws(ColumnarError) -> OwnedDescriptor
    /// Returns another file without a name, which is gone when it is closed.
    let temporary: () throws(ColumnarError) -> OwnedDescriptor

    /// Makes the files by their names: the output at `path`, and temporary files in its folder.
    package init(path: String) {
        let folder = Self.folder(of: path)
        self.path = path
        begin = { () throws(ColumnarError) in try OwnedDescriptor(writing: path) }
        temporary = { () throws(ColumnarError) in try OwnedDescriptor(temporaryIn: folder) }
    }

    /// Takes the files from someone else. The writer closes the descriptors that it gets.
    /// - Parameters:
    ///   - begin: returns the output's file, which is empty and open for writing.
    ///   - temporary: returns a file without a name, which is open for reading and writing.
    ///   - appended: takes the bytes of the output in order, as they are written. It gets none of a file that is not written from its
    ///     beginning to its end, such as an archive of arrays.
    package init(
        path: String, begin: @escaping () throws(ColumnarError) -> Int32, temporary: @escaping () throws(ColumnarError) -> Int32,
        appended: @escaping (UnsafeRawBufferPointer) -> Void
    ) {
        self.path = path
        self.begin = { () throws(ColumnarError) in
            let file = OwnedDescriptor(owning: try begin())
            file.appended = appended
            return file
        }
        self.temporary = { () throws(ColumnarError) in OwnedDescriptor(owning: try temporary()) }
    }

    /// The folder of the output, which messages name where a temporary file is at fault.
    var folder: String { Self.folder(of: path) }

    private static func folder(of path: String) -> String { path.lastIndex(of: "/").map { String(path[..<$0]) + "/" } ?? "." }
}
