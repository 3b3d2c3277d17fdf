package import Arrivals
package import PipelineConfig

/// Finds the pipeline that a path belongs to, by the spools that pipeline files name.
package struct SpoolMap: Sendable {
    package struct Place: Sendable {
        package let pipeline: Pipeline
        package let role: ArrivalRole
        package let entry: SpoolEntry
        /// The path relative to the spool.
        package let relativePath: String
    }

    package let pipelines: [Pipeline]

    package init(pipelines: [Pipeline]) { self.pipelines = pipelines }

    /// Returns the spool that holds `path`, which is absolute. Links above the file are followed, the file's own is not.
    package func place(of path: String) -> Place? {
        for spelling in [path, Self.withRealFolder(path)] {
            for pipeline in pipelines {
                for (role, entry) in pipeline.spools {
                    for spool in [entry.path, CanonicalPaths.real(entry.path)]
                    where spelling != spool && CanonicalPaths.contains(spool, spelling) {
                        return Place(
                            pipeline: pipeline, role: role, entry: entry, relativePath: String(spelling.dropFirst(spool.count + 1)))
                    }
                }
            }
        }
        return nil
    }

    /// Returns the pipeline whose outputs, models, archive or quarantine hold `path`, with the folder.
    func folder(of path: String) -> (pipeline: Pipeline, folder: String)? {
        for spelling in [path, Self.withRealFolder(path)] {
            for pipeline in pipelines {
                for folder in CanonicalPaths.folders(of: pipeline)
                where CanonicalPaths.contains(folder, spelling) || CanonicalPaths.contains(CanonicalPaths.real(folder), spelling) {
                    return (pipeline, folder)
                }
            }
        }
        return nil
    }

    private static func withRealFolder(_ path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return path }
        let folder = CanonicalPaths.real(slash == path.startIndex ? "/" : String(path[..<slash]))
        return (folder == "/" ? "" : folder) + path[slash...]
    }
}

extension Pipeline {
    /// The pipeline's spools, in the order in which their files are numbered.
    var spools: [(role: ArrivalRole, entry: SpoolEntry)] {
        [(.model, spool.models), (.labelled, spool.labelled), (.data, spool.data)].compactMap { role, entry in entry.map { (role, $0) } }
    }
}
