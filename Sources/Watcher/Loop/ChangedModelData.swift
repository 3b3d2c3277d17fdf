import FileSystem
internal import Names

/// Keeps the directories where something changed that a model may refer to. A model may be in the directory of its external data or above
/// it.
struct ChangedModelData {
    private struct Directory: Hashable {
        let slot: Int
        let path: Name
    }

    private var directories: Set<Directory> = []

    mutating func insert(_ directory: String, of slot: Int) { directories.insert(Directory(slot: slot, path: Name(directory))) }

    /// Returns each directory, and all above it, by the slots of their spools, and forgets them.
    mutating func take() -> [Int: NameSet] {
        guard !directories.isEmpty else { return [:] }
        defer { directories = [] }
        var places: [Int: NameSet] = [:]
        for place in directories {
            var directory = place.path.text
            places[place.slot, default: []].insert(directory)
            while !directory.isEmpty {
                directory = SpoolPath.split(directory).directory
                places[place.slot, default: []].insert(directory)
            }
        }
        return places
    }
}

extension WatchedSpool {
    /// Returns the models that stand in the directory, by name.
    func candidateModels(in directory: String) -> [String] {
        guard let listing = try? DirectoryListing(path: path(of: directory)) else { return [] }
        var models: [String] = []
        listing.forEach { entry, _ in
            guard let name = entry.name, !entry.isDirectory, FormatCheck(name: name) == .onnx else { return }
            let path = SpoolPath.join(directory, name)
            if filter.decide(name: name[...], of: path) == .candidate { models.append(path) }
        }
        return models.sorted()
    }

    /// Returns whether the model has external data that is all there. A model that lacks some is settling, and was asked already.
    func hasExternalData(_ path: String) -> Bool {
        guard case .whole(let companions) = FormatCheck.check(path: self.path(of: path)) else { return false }
        return !companions.isEmpty
    }
}
