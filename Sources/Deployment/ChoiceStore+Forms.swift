import Attempts
package import FileSystem
import Recipes
import SystemPackage

extension ChoiceStore {
    /// Returns whether the files of the chosen form are there and whole, if a form was chosen.
    package func hasForm(of table: DeploymentTable) -> Bool {
        guard let form = table.chosenForm else { return table.choice?.candidate.form ?? .published == .published }
        return form.model != nil && form.files.allSatisfy { file in (try? FileDigest.of(FilePath(file.path)))?.digest == file.digest }
    }

    /// Puts the files of the chosen form beside the tables, in a folder that has the digests of the model and the form as its name, so
    /// that the table names them there.
    /// Files of the other forms are dropped from the table.
    package func keepForm(of table: inout DeploymentTable) throws(FileSystemError) {
        let chosen = table.chosenForm?.form
        for index in table.forms.indices {
            let form = table.forms[index]
            guard form.form == chosen, let model = form.model else {
                table.forms[index].files = []
                continue
            }
            let kept = folder.appending("\(table.model.prefix(Self.prefix))-\(model.digest.prefix(32))")
            _ = try Disk.makeDirectories(kept)
            for position in form.files.indices {
                let path = kept.appending(form.files[position].name)
                try Self.copy(FilePath(form.files[position].path), to: path)
                table.forms[index].files[position].path = path.string
            }
        }
    }

    private static func copy(_ source: FilePath, to path: FilePath) throws(FileSystemError) {
        let staged = DurableFile.staging(for: path)
        try? Disk.remove(staged)
        try Disk.clone(source, to: staged)
        try DurableFile.publish(staged, as: path)
    }
}
