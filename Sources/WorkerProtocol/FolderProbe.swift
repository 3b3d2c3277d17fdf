/// Asks a worker to show that a folder that it sees under a path is the daemon's folder of that path: it reads a file that is there, and
/// may have to write one, which the daemon then reads.
package struct FolderProbe: Codable, Sendable, Hashable {
    /// The absolute path of the folder.
    package var folder: String
    /// The path of the file to read, relative to the folder; nil where the folder alone is looked at.
    package var read: String?
    /// The name of the file to write in the folder, and what it is to hold; nil where nothing is written.
    package var write: Note?

    package struct Note: Codable, Sendable, Hashable {
        package var name: String
        package var text: String

        package init(name: String, text: String) {
            self.name = name
            self.text = text
        }
    }

    /// Holds what a worker sees of one folder.
    package struct Sight: Codable, Sendable, Hashable {
        /// The inode of the folder; nil where there is none.
        package var inode: Int64?
        /// The SHA-256 of the file that was to be read.
        package var digest: String?
        /// Says what went wrong; nil where nothing did.
        package var fault: String?

        package init(inode: Int64? = nil, digest: String? = nil, fault: String? = nil) {
            self.inode = inode
            self.digest = digest
            self.fault = fault
        }
    }

    package init(folder: String, read: String? = nil, write: Note? = nil) {
        self.folder = folder
        self.read = read
        self.write = write
    }
}
