import Engine
import Foundation
import Synchronization
import Tensors
import Testing

@Suite struct SessionCacheTests {
    private func key(_ digest: String, _ options: SessionOptions = SessionOptions()) -> SessionCache.Key {
        SessionCache.Key(digest: digest, options: options)
    }

    @Test func aSessionIsMadeOncePerModelAndOptions() throws {
        let cache = SessionCache(byteLimit: 1000)
        let made = Mutex(0)
        func session(_ key: SessionCache.Key) throws -> Session {
            try cache.session(key, byteCount: 10) { () throws(EngineError) in
                made.withLock { $0 += 1 }
                return try mlp(key.options)
            }
        }
        let first = try session(key("a"))
        #expect(try session(key("a")) === first)
        #expect(try session(key("a", SessionOptions(optimization: .none))) !== first)
        #expect(try session(key("b")) !== first)
        #expect(made.withLock { $0 } == 3)
        #expect(cache.usage == (30, 3))
    }

    @Test func threadsThatAskTogetherShareOneMaking() throws {
        let cache = SessionCache(byteLimit: 1000)
        let made = Mutex(0)
        let results = Mutex<[ObjectIdentifier]>([])
        let key = key("a")
        DispatchQueue.concurrentPerform(iterations: 16) { _ in
            let session = try? cache.session(key, byteCount: 10) { () throws(EngineError) in
                made.withLock { $0 += 1 }
                Thread.sleep(forTimeInterval: 0.02)
                return try mlp()
            }
            if let session { results.withLock { $0.append(ObjectIdentifier(session)) } }
        }
        #expect(made.withLock { $0 } == 1)
        #expect(results.withLock { $0.count } == 16 && Set(results.withLock { $0 }).count == 1)
    }

    @Test func aFailureIsSharedAndNotKept() throws {
        let cache = SessionCache(byteLimit: 1000)
        #expect(throws: EngineError.cancelled) {
            try cache.session(key("a"), byteCount: 10) { () throws(EngineError) in throw .cancelled }
        }
        #expect(cache.usage == (0, 0))
        _ = try cache.session(key("a"), byteCount: 10) { () throws(EngineError) in try mlp() }
        #expect(cache.usage == (10, 1))
    }

    @Test func theLongestUnusedGoesFirstAndTheUsedNever() throws {
        let cache = SessionCache(byteLimit: 100)
        func get(_ digest: String, _ byteCount: Int) throws -> Session {
            try cache.session(key(digest), byteCount: byteCount) { () throws(EngineError) in try mlp() }
        }
        var a: Session? = try get("a", 40)
        weak let b = try get("b", 40)
        _ = try get("c", 20)
        _ = try get("b", 40)
        weak let heldA = a
        _ = try get("d", 20)  // c is the longest unused that nobody holds
        #expect(cache.usage == (100, 3))
        #expect(b != nil)
        _ = try get("e", 100)  // all but a go; the bound is exceeded by what is in use
        #expect(b == nil)
        #expect(cache.usage == (140, 2))
        #expect(try get("a", 40) === a)
        a = nil
        _ = try get("f", 100)
        #expect(cache.usage == (100, 1))
        #expect(heldA == nil)
    }
}

private func mlp(_ options: SessionOptions = SessionOptions()) throws(EngineError) -> Session {
    guard let bytes = try? Fixture.bytes("mlp") else { throw .engine("no fixture") }
    return try Session(model: bytes, options: options)
}
