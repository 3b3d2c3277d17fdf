internal import Glibc
package import Signatures

/// Names the file of the key by which the daemon signs what it lands.
package struct SigningKeyFile: Sendable, Equatable {
    /// Says what is wrong with it.
    package struct Fault: Error, Sendable, CustomStringConvertible {
        package let description: String
        /// Tells whether only its permissions keep it from being read.
        var isForbidden = false
    }

    package let path: String

    package init(path: String) { self.path = path }

    /// Says what is wrong with the file, as far as that can be told: other users than the daemon's may read the settings, and not the key.
    func fault() -> String? {
        do throws(Fault) { _ = try read() } catch { return error.isForbidden ? nil : error.description }
        return nil
    }

    /// Reads the key. A file that others than its owner may read is refused: what they sign would be taken for ours.
    package func read() throws(Fault) -> SigningKey {
        var status = stat()
        guard stat(path, &status) == 0 else {
            let code = errno
            throw Fault(description: "\(path) cannot be reached: \(String(cString: strerror(code)))", isForbidden: code == EACCES)
        }
        let content: [UInt8]
        do throws(PipelineFile.Unreadable) { content = try PipelineFile.contents(of: path) } catch {
            throw Fault(description: "\(path): \(error.fault)", isForbidden: access(path, R_OK) != 0)
        }
        let key: SigningKey
        do throws(SignatureError) { key = try SigningKey(String(decoding: content, as: UTF8.self)) } catch {
            throw Fault(description: "\(path): \(error)")
        }
        guard status.st_mode & S_IFMT != S_IFREG || status.st_mode & 0o077 == 0 else {
            throw Fault(description: "\(path): others than its owner may read or write it")
        }
        return key
    }
}
