import Attempts
import Deployment
import FileSystem
import Landing
import SystemPackage

extension DiskPublisher {
    /// Returns the form of a model that was chosen for this machine, as it is to stand beside the model in the version's folder: a copy,
    /// since the form itself stays with the choices. Empty where the model is executed as it is.
    func stagedForm(of model: StagedModel) throws(FileSystemError) -> [ModelVersionDirectory.File] {
        guard case .success(let table)? = model.execution, let form = table.chosenForm?.standsBeside, let graph = model.files.first,
            try Disk.status(FilePath(form.path)) != nil
        else {
            return []
        }
        let copy = FilePath(graph.path).removingLastComponent().appending(form.name)
        try Disk.remove(copy)
        try Disk.clone(FilePath(form.path), to: copy)
        return [ModelVersionDirectory.File(name: form.name, staged: copy, isOfModel: false)]
    }
}
