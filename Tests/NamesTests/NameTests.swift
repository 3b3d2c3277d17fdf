import Names
import Testing

/// Names are bytes, whatever they look like.
@Suite struct NameTests {
    /// Each two look alike and are equal to `String`.
    static let twins = [
        ("é", "e\u{301}"), ("Å", "A\u{30A}"), ("\u{212B}", "\u{C5}"), ("\u{2126}", "\u{3A9}"), ("한", "\u{1112}\u{1161}\u{11AB}"),
        ("q\u{323}\u{307}", "q\u{307}\u{323}"), ("\u{FA0E}x\u{304}", "\u{FA0E}x\u{304}\u{301}"),
    ]

    @Test(arguments: twins.dropLast())
    func twinsAreTwo(one: String, other: String) {
        #expect(one == other, "they would not be in the list")
        #expect(Name(one) != Name(other) && !one.isName(other) && one.isName(one))
        #expect([Name(one), Name(other)].min() != [Name(one), Name(other)].max())
        var map: NameMap<Int> = [one: 1, other: 2]
        #expect(map[one] == 1 && map[other] == 2 && map.count == 2)
        map[one] = nil
        map[other, default: 0] += 5
        #expect(map[one] == nil && map[other] == 7 && Array(map.keys).areNames([other]))
        var set: NameSet = [one]
        #expect(set.contains(one) && !set.contains(other))
        #expect(set.insert(other).inserted && set.count == 2 && !set.insert(one).inserted)
        #expect(![one].containsName(other) && [one, other].containsName(other))
    }

    @Test func anythingElseIsOneName() {
        let map = NameMap([("a", 1), ("b", 2), ("a", 3)], uniquingKeysWith: { $1 })
        #expect(map["a"] == 3 && map["b"] == 2 && map["c"] == nil && map == ["a": 3, "b": 2])
        #expect(map.filter { $0.key == "b" } == ["b": 2])
        #expect(Name("").hashValue == Name("").hashValue && Name("") == Name("") && Name("") < Name("a"))
        #expect(map.sorted { $0.key < $1.key }.map(\.value) == [3, 2])
    }
}
