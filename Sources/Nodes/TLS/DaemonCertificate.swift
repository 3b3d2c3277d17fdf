internal import COpenSSL
import Foundation
import Glibc
package import PipelineConfig

/// Holds the certificate of a daemon, with its key, by which it speaks TLS with workers from elsewhere. Workers know it by its digest, which
/// stands beside the daemon's address: no authority is needed that signs it.
package final class DaemonCertificate: @unchecked Sendable {
    // The context is changed by nobody once it is made; OpenSSL lets several threads make sessions of it.
    let context: OpaquePointer
    /// The SHA-256 of the certificate as it is sent (DER), in hexadecimal.
    package let digest: String

    /// Makes a certificate for this process, whose key is nowhere but in its memory; or reads one with its key.
    package init(_ settings: TLSSettings) throws(TLSError) {
        let context = try SecureSession.context(TLS_server_method())
        do throws(TLSError) {
            switch settings {
            case .ownCertificate: try Self.make(in: context)
            case .files(let certificate, let key): try Self.read(certificate, key, in: context)
            }
            guard let certificate = SSL_CTX_get0_certificate(context), let digest = Self.digest(of: certificate) else {
                throw TLSError.ofLibrary("use a certificate")
            }
            self.digest = digest
        } catch {
            SSL_CTX_free(context)
            throw error
        }
        self.context = context
    }

    deinit { SSL_CTX_free(context) }

    private static func make(in context: OpaquePointer) throws(TLSError) {
        guard let key = millrace_new_key(), let certificate = X509_new() else { throw .ofLibrary("make a key") }
        defer {
            EVP_PKEY_free(key)
            X509_free(certificate)
        }
        // Nobody looks at names or times: the digest alone says whose certificate it is. Some tools refuse one without them.
        let name = X509_get_subject_name(certificate)
        guard X509_set_version(certificate, 2) == 1,
            ASN1_INTEGER_set(X509_get_serialNumber(certificate), Int.random(in: 1...1 << 30)) == 1,
            X509_gmtime_adj(X509_getm_notBefore(certificate), -86_400) != nil,
            X509_gmtime_adj(X509_getm_notAfter(certificate), 86_400 * 3650) != nil,
            X509_NAME_add_entry_by_txt(name, "CN", 0x1000, "millrace", -1, -1, 0) == 1,  // MBSTRING_FLAG
            X509_set_issuer_name(certificate, name) == 1, X509_set_pubkey(certificate, key) == 1,
            X509_sign(certificate, key, EVP_sha256()) > 0,
            SSL_CTX_use_certificate(context, certificate) == 1, SSL_CTX_use_PrivateKey(context, key) == 1
        else { throw .ofLibrary("make a certificate") }
    }

    private static func read(_ certificate: String, _ key: String, in context: OpaquePointer) throws(TLSError) {
        var status = stat()
        guard stat(key, &status) == 0 else { throw TLSError("\(key): \(String(cString: strerror(errno)))") }
        guard status.st_mode & 0o077 == 0 else { throw TLSError("\(key): others may read this key: chmod 600 it") }
        guard SSL_CTX_use_certificate_chain_file(context, certificate) == 1 else {
            throw .ofLibrary("read the certificate \(certificate), which must be PEM")
        }
        guard SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1 else {
            throw .ofLibrary("read the key \(key), which must be PEM without a password and belong to the certificate")
        }
    }

    /// Returns the SHA-256 of a certificate; nil where OpenSSL cannot write it.
    static func digest(of certificate: OpaquePointer) -> String? {
        var bytes = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var count: UInt32 = 0
        guard X509_digest(certificate, EVP_sha256(), &bytes, &count) == 1 else { return nil }
        return bytes.prefix(Int(count)).map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }
}

/// Says why no TLS is spoken.
package struct TLSError: Error, Sendable, Hashable, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }

    /// - Parameter what: what could not be done.
    static func ofLibrary(_ what: String) -> TLSError {
        var text = [CChar](repeating: 0, count: 256)
        let code = ERR_get_error()
        ERR_error_string_n(code, &text, text.count)
        ERR_clear_error()
        let reason = code == 0 ? "" : ": " + String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return TLSError("TLS cannot \(what)\(reason)")
    }
}
