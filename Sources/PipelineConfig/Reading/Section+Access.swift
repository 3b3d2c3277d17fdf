internal import Glibc
internal import Reasons

extension Section {
    /// Returns `mode` and `group` of what a section publishes; for a key that is left out, the setting of `ROOT/millrace.yaml` holds.
    func landAccess() -> LandAccess {
        LandAccess(mode: fileMode("mode") ?? reading.defaults.access.mode, group: group("group") ?? reading.defaults.access.group)
    }

    /// Reads a mode in octal digits, as `chmod` takes them. It refuses modes with which the daemon itself could not read and write its
    /// files again, modes of executable files, and special bits.
    private func fileMode(_ key: String) -> UInt16? {
        guard let node = node(key) else { return nil }
        guard case .scalar(let written, isPlain: _) = node.content else {
            refuse(.wrongType, key, "\(node.kind) stands where a mode belongs", "write one as for chmod, like 0640")
            return nil
        }
        let digits = written.hasPrefix("0o") ? written.dropFirst(2) : written[...]
        guard (3...4).contains(digits.utf8.count), digits.utf8.allSatisfy({ (0x30...0x37).contains($0) }),
            let mode = UInt16(digits, radix: 8)
        else {
            refuse(.wrongType, key, "\(node.kind) is not a mode", "write three octal digits after a 0, as for chmod, like 0640")
            return nil
        }
        if mode & 0o7000 != 0 || mode & 0o111 != 0 {
            refuse(
                .badValue, key, "\(node.kind) has bits that no published file needs",
                "write the rights to read and write only, like 0640; folders get the right to enter by themselves")
            return nil
        }
        if mode & 0o600 != 0o600 {
            refuse(
                .badValue, key, "with \(node.kind) the daemon could not read and replace what it published", "give the owner 6, like 0640")
            return nil
        }
        return mode
    }

    /// Returns the number of a group, which is given as a number or as a name that is looked up on this machine.
    private func group(_ key: String) -> UInt32? {
        guard let name = text(key) else { return nil }
        if let number = UInt32(name), number < .max { return number }
        var entry = Glibc.group()
        var found: UnsafeMutablePointer<Glibc.group>?
        var buffer = [CChar](repeating: 0, count: 1 << 16)
        guard getgrnam_r(name, &entry, &buffer, buffer.count, &found) == 0, found != nil else {
            refuse(
                .badValue, key, "this machine has no group \"\(name.clipped)\"",
                "make it with groupadd, or write one that `getent group` lists")
            return nil
        }
        return entry.gr_gid
    }
}
