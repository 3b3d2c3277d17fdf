import FileSystem
import SystemPackage

/// Makes staged files durable: by `fsync` when they are few, by one `syncfs` per file system when they are many.
struct Durability {
    static let syncfsFrom = 4

    let areas: [StagingArea]
    let syncfsFrom: Int

    func makeDurable(_ work: inout [RoundItem]) {
        FaultPoint.reach(.landSync)
        var waiting = work.indices.filter { work[$0].isGood }
        for area in areas {
            let here = waiting.filter { work[$0].output.staged.starts(with: area.path) }
            guard here.count >= syncfsFrom else { continue }
            // After an error of syncfs, each file is synced on its own to find out which ones failed.
            guard (try? area.syncFileSystem()) != nil else { continue }
            let done = Set(here)
            waiting.removeAll { done.contains($0) }
        }
        if waiting.count > 1 {
            for index in waiting { Disk.startWriteback(work[index].output.staged) }
        }
        for index in waiting {
            do throws(FileSystemError) {
                try Disk.sync(file: work[index].output.staged)
            } catch {
                work[index].failure = error
            }
        }
    }
}
