/// Holds for each channel of the inputs of products what the calibration rows had there: the mean, and the largest absolute value.
package struct ChannelStatistics: Sendable, Equatable {
    struct Channels: Sendable, Equatable {
        var sums: [Double]
        var largest: [Float]
        /// The number of numbers of each channel.
        var count = 0

        var means: [Double] { sums.map { $0 / Double(max(count, 1)) } }
    }

    /// Names a value, and the axis along which its channels lie, from the first one or, where it is negative, from behind.
    struct Key: Sendable, Hashable {
        let value: String
        let axis: Int
    }

    private(set) var channels: [Key: Channels] = [:]

    func means(_ key: Key) -> [Double]? { channels[key]?.means }
    func largest(_ key: Key) -> [Float]? { channels[key]?.largest }

    /// Adds numbers; returns the number of channels that there were before where it is another one now.
    mutating func add(_ numbers: UnsafeBufferPointer<Float>, _ shape: [Int], _ key: Key) -> Int? {
        let axis = key.axis < 0 ? shape.count + key.axis : key.axis
        guard shape.indices.contains(axis), !numbers.isEmpty else { return nil }
        let extent = shape[axis], inner = shape[(axis + 1)...].reduce(1, *)
        var known = channels[key] ?? Channels(sums: [Double](repeating: 0, count: extent), largest: [Float](repeating: 0, count: extent))
        guard known.sums.count == extent else { return known.sums.count }
        for (position, number) in numbers.enumerated() {
            let channel = position / inner % extent
            known.sums[channel] += Double(number)
            known.largest[channel] = max(known.largest[channel], abs(number))
        }
        known.count += numbers.count / extent
        channels[key] = known
        return nil
    }
}
