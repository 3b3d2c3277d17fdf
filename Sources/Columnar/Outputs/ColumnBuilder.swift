internal import CArrow
internal import Tensors

extension Column {
    /// Makes a column of `count` values of fixed width, which `fill` writes; none is null.
    init<Value>(name: String, format: String, count: Int, fill: (UnsafeMutablePointer<Value>) -> Void) {
        let memory = MemoryOwner()
        let values = memory.allocate(Value.self, count: count)
        fill(values)
        self.init(name: name, format: format, count: count, buffers: [nil, UnsafeRawPointer(values)], memory: memory)
    }

    /// Makes a column of `buffer` without a copy; nobody may write to the buffer any more.
    init(name: String, format: String, count: Int, adopting buffer: TensorBuffer) {
        let memory = MemoryOwner()
        memory.keep(buffer)
        self.init(name: name, format: format, count: count, buffers: [nil, UnsafeRawPointer(buffer.address)], memory: memory)
    }

    init(name: String, booleans: [Bool]) {
        let memory = MemoryOwner()
        let bits = memory.allocate(UInt8.self, count: (booleans.count + 7) / 8 + 1)
        bits.update(repeating: 0, count: (booleans.count + 7) / 8 + 1)
        for (index, value) in booleans.enumerated() where value { bits[index >> 3] |= 1 << UInt8(index & 7) }
        self.init(name: name, format: "b", count: booleans.count, buffers: [nil, UnsafeRawPointer(bits)], memory: memory)
    }

    init(name: String, booleans: [Bool?]) {
        let memory = MemoryOwner()
        let byteCount = booleans.count / 8 + 1
        let bits = memory.allocate(UInt8.self, count: byteCount), validity = memory.allocate(UInt8.self, count: byteCount)
        bits.update(repeating: 0, count: byteCount)
        validity.update(repeating: 0, count: byteCount)
        for (index, value) in booleans.enumerated() {
            guard let value else { continue }
            validity[index >> 3] |= 1 << UInt8(index & 7)
            if value { bits[index >> 3] |= 1 << UInt8(index & 7) }
        }
        self.init(
            name: name, format: "b", count: booleans.count, buffers: [UnsafeRawPointer(validity), UnsafeRawPointer(bits)], memory: memory,
            nullCount: booleans.count { $0 == nil })
    }

    /// Makes `nulls` rows without a value.
    init(name: String, nulls: Int) {
        self.init(name: name, format: "n", count: nulls, buffers: [], memory: MemoryOwner(), nullCount: nulls)
    }

    /// Makes a column of strings, with 64-bit offsets only where 32 bits are too few.
    init(name: String, strings: some Collection<String>) {
        let memory = MemoryOwner()
        let total = strings.reduce(0) { $0 + $1.utf8.count }
        let bytes = memory.allocate(UInt8.self, count: total)
        func fill<Offset: FixedWidthInteger>(_ offsets: UnsafeMutablePointer<Offset>) {
            var end = 0
            offsets[0] = 0
            for (index, string) in strings.enumerated() {
                for byte in string.utf8 {
                    bytes[end] = byte
                    end += 1
                }
                offsets[index + 1] = Offset(end)
            }
        }
        let isLarge = total > Int(Int32.max)
        let offsets: UnsafeRawPointer
        if isLarge {
            let large = memory.allocate(Int64.self, count: strings.count + 1)
            fill(large)
            offsets = UnsafeRawPointer(large)
        } else {
            let small = memory.allocate(Int32.self, count: strings.count + 1)
            fill(small)
            offsets = UnsafeRawPointer(small)
        }
        self.init(
            name: name, format: isLarge ? "U" : "u", count: strings.count, buffers: [nil, offsets, UnsafeRawPointer(bytes)],
            memory: memory)
    }

    /// Makes lists with `lengths` elements; the elements of all lists lie in `elements`, list after list.
    init(name: String, lengths: [Int], of elements: Column) {
        let memory = MemoryOwner()
        memory.keep(elements.owner)
        memory.keep(elements.field.owner)
        let offsets = memory.allocate(Int64.self, count: lengths.count + 1)
        offsets[0] = 0
        for (index, length) in lengths.enumerated() { offsets[index + 1] = offsets[index] + Int64(length) }
        let isLarge = offsets[lengths.count] > Int64(Int32.max)
        var places = UnsafeRawPointer(offsets)
        if !isLarge {
            let small = memory.allocate(Int32.self, count: lengths.count + 1)
            for index in 0...lengths.count { small[index] = Int32(offsets[index]) }
            places = UnsafeRawPointer(small)
        }
        var child = elements.array
        child.private_data = nil
        child.release = { $0?.pointee.release = nil }
        let childArray = memory.allocate(ArrowArray.self, count: 1)
        childArray.initialize(to: child)
        let children = memory.allocate(UnsafeMutablePointer<ArrowArray>?.self, count: 1)
        children.initialize(to: childArray)
        let buffers = memory.allocate(UnsafeRawPointer?.self, count: 2)
        buffers.initialize(to: nil)
        (buffers + 1).initialize(to: places)
        var array = ArrowArray()
        array.length = Int64(lengths.count)
        array.n_buffers = 2
        array.buffers = buffers
        array.n_children = 1
        array.children = children
        self.init(field: Field(name: name, format: isLarge ? "+L" : "+l", listOf: elements.field), array: array, owner: memory)
    }

    /// - Parameter buffers: the buffers as Arrow lays them out; the first has a bit for every row that is not null, or is `nil` where no
    ///   row is null.
    init(
        name: String, format: String, count: Int, buffers: [UnsafeRawPointer?], memory: MemoryOwner, nullCount: Int = 0,
        isNullable: Bool? = nil
    ) {
        let pointers = memory.allocate(UnsafeRawPointer?.self, count: buffers.count)
        for (index, buffer) in buffers.enumerated() { (pointers + index).initialize(to: buffer) }
        var array = ArrowArray()
        array.length = Int64(count)
        array.null_count = Int64(nullCount)
        array.n_buffers = Int64(buffers.count)
        array.buffers = pointers
        self.init(field: Field(name: name, format: format, isNullable: isNullable ?? (nullCount > 0)), array: array, owner: memory)
    }
}
