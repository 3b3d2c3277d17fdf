import Arrivals
internal import Glibc
internal import Names

/// Holds files that scans found and that only have to stay as they are for the quiet time. There may be a million of them, so that each
/// takes 40 bytes besides its path; a file that anything is heard of leaves for the spool's table of settling files.
struct FoundFiles {
    struct File {
        let path: String
        let stamp: FileStamp
        /// The time at which its quiet time began; nil while its batch is open.
        let since: Duration?
    }

    /// Holds the files that were found until `beginQuietTime` was called.
    private struct Batch {
        /// Describes one file, in 32 bytes.
        struct Entry {
            var changed: Int64
            var inode: Int64
            var size: Int64
            var start: UInt32
            /// The length of the path in bytes; 0 once the file was taken out.
            var length: UInt16
            /// The index in `devices`.
            var device: UInt16
        }

        /// The time at which the quiet time began; nil while more is added.
        var since: Duration?
        var entries: [Entry] = []
        var bytes: [UInt8] = []
        var devices: [Int64] = []
        /// The indices of entries by the hash of their paths, with gaps, so that the file of an event is found at once.
        var places: [UInt32] = []
        var next = 0
        var left = 0

        var isFull: Bool { bytes.count > Int(UInt32.max) - 65_536 || devices.count > 65_000 }

        mutating func append(_ path: String, _ stamp: FileStamp) {
            if entries.count * 3 >= places.count * 2 { index(places: max(places.count * 2, 64)) }
            let device = devices.firstIndex(of: stamp.device) ?? devices.count
            if device == devices.count { devices.append(stamp.device) }
            let start = bytes.count
            bytes.append(contentsOf: path.utf8)
            entries.append(
                Entry(
                    changed: stamp.changed, inode: stamp.inode, size: stamp.size, start: UInt32(start), length: UInt16(bytes.count - start),
                    device: UInt16(device)))
            put(entries.count - 1)
            left += 1
        }

        /// Ends the batch and sorts it as files of one scan are delivered, oldest first.
        mutating func beginQuietTime(at time: Duration) {
            since = time
            var sorted = entries
            entries = []
            sorted.removeAll { $0.length == 0 }
            bytes.withUnsafeBufferPointer { bytes in
                sorted.sort { a, b in
                    if a.changed != b.changed { return a.changed < b.changed }
                    return Self.path(a, bytes).lexicographicallyPrecedes(Self.path(b, bytes))
                }
            }
            entries = sorted
            index(places: max(entries.count + entries.count / 2, 4))
        }

        private mutating func index(places count: Int) {
            places = Array(repeating: .max, count: count)
            for number in entries.indices where entries[number].length > 0 { put(number) }
        }

        private mutating func put(_ number: Int) {
            let entry = entries[number]
            var place = Self.place(Self.hash(bytes[Int(entry.start)..<Int(entry.start) + Int(entry.length)]), places.count)
            while places[place] != .max { place = place + 1 == places.count ? 0 : place + 1 }
            places[place] = UInt32(number)
        }

        func index(of path: UnsafeBufferPointer<UInt8>, hash: UInt64) -> Int? {
            guard left > 0 else { return nil }
            return bytes.withUnsafeBufferPointer { bytes in
                var place = Self.place(hash, places.count)
                while places[place] != .max {
                    let number = Int(places[place])
                    let entry = entries[number]
                    if Int(entry.length) == path.count, memcmp(bytes.baseAddress! + Int(entry.start), path.baseAddress!, path.count) == 0 {
                        return number
                    }
                    place = place + 1 == places.count ? 0 : place + 1
                }
                return nil
            }
        }

        func file(_ number: Int) -> File {
            let entry = entries[number]
            return File(
                path: String(decoding: bytes[Int(entry.start)..<Int(entry.start) + Int(entry.length)], as: UTF8.self),
                stamp: FileStamp(device: devices[Int(entry.device)], inode: entry.inode, size: entry.size, changed: entry.changed),
                since: since)
        }

        mutating func takeOut(_ number: Int) {
            entries[number].length = 0
            left -= 1
        }

        private static func path(_ entry: Entry, _ bytes: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
            UnsafeBufferPointer(rebasing: bytes[Int(entry.start)..<Int(entry.start) + Int(entry.length)])
        }

        static func hash(_ bytes: some Sequence<UInt8>) -> UInt64 {
            var hash: UInt64 = 0xcbf2_9ce4_8422_2325
            for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
            return hash
        }

        private static func place(_ hash: UInt64, _ count: Int) -> Int { Int((hash ^ hash >> 32) % UInt64(count)) }
    }

    /// The batches in the order in which their quiet time began. The last one may be open.
    private var batches: [Batch] = []

    var count: Int { batches.reduce(0) { $0 + $1.left } }
    var isEmpty: Bool { batches.isEmpty }
    /// The time at which the quiet time of the first batch began.
    var firstSince: Duration? { batches.first?.since }
    private var isOpen: Bool { batches.last.map { $0.since == nil } ?? false }

    /// The bytes of memory that the batches take.
    var byteCount: Int {
        batches.reduce(0) {
            $0 + $1.entries.capacity * MemoryLayout<Batch.Entry>.stride + $1.bytes.capacity + $1.places.capacity
                * MemoryLayout<UInt32>.stride
        }
    }

    /// Adds a file that a scan found, whose quiet time begins when `beginQuietTime` is called.
    /// - Returns: false where it must be kept elsewhere.
    mutating func append(_ path: String, _ stamp: FileStamp) -> Bool {
        guard !path.isEmpty, path.utf8.count <= Int(UInt16.max) else { return false }
        if !isOpen { batches.append(Batch()) }
        guard !batches[batches.count - 1].isFull else { return false }
        batches[batches.count - 1].append(path, stamp)
        return true
    }

    /// Begins the quiet time of what was added since the last call.
    mutating func beginQuietTime(at time: Duration) {
        if isOpen { batches[batches.count - 1].beginQuietTime(at: time) }
    }

    func contains(_ path: String) -> Bool { place(of: path) != nil }

    func file(_ path: String) -> File? { place(of: path).map { batches[$0.batch].file($0.index) } }

    mutating func remove(_ path: String) -> File? {
        guard let place = place(of: path) else { return nil }
        defer { takeOut(place.index, of: place.batch) }
        return batches[place.batch].file(place.index)
    }

    private func place(of path: String) -> (batch: Int, index: Int)? {
        guard !path.isEmpty, !batches.isEmpty else { return nil }
        var path = path
        return path.withUTF8 { path in
            let hash = Batch.hash(path)
            for batch in batches.indices { if let index = batches[batch].index(of: path, hash: hash) { return (batch, index) } }
            return nil
        }
    }

    /// Takes out the next file whose quiet time has begun: the oldest of the first batch.
    mutating func popFirst() -> File? {
        guard firstSince != nil else { return nil }
        while batches[0].entries[batches[0].next].length == 0 { batches[0].next += 1 }
        let index = batches[0].next
        batches[0].next += 1
        defer { takeOut(index, of: 0) }
        return batches[0].file(index)
    }

    /// Takes out all files for whose paths `isMeant` is true.
    /// - Returns: the number of those files.
    mutating func removeAll(where isMeant: (String) -> Bool = { _ in true }) -> Int {
        let before = count
        for number in batches.indices.reversed() {
            for index in batches[number].entries.indices where batches[number].entries[index].length > 0 {
                if isMeant(batches[number].file(index).path) { batches[number].takeOut(index) }
            }
            if batches[number].left == 0 { batches.remove(at: number) }
        }
        return before - count
    }

    func forEach(_ body: (File) -> Void) {
        for batch in batches {
            for (index, entry) in batch.entries.enumerated() where entry.length > 0 { body(batch.file(index)) }
        }
    }

    private mutating func takeOut(_ index: Int, of number: Int) {
        batches[number].takeOut(index)
        if batches[number].left == 0 { batches.remove(at: number) }
    }
}
