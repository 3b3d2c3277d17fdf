import Columnar
package import Names
package import Recipes
package import Training

extension RowSchema {
    /// The schema that reads labelled rows as they are kept: where columns are left out or hashed, files are no copies of those that
    /// arrived.
    package var ofKeptRows: RowSchema {
        guard let privacy else { return self }
        var schema = self
        schema.dialect = PrivateCopy.dialect(of: dialect)
        // A hash is a text, whatever it is the hash of.
        schema.types = types.filter { !privacy.hash.containsName($0.key) }
        return schema
    }

    /// Returns the labelled files as this schema reads them.
    /// - Parameters:
    ///   - open: opens the files; nil reads them where their paths lead.
    ///   - inputs: the names of the model's inputs.
    ///   - nanInputs: the inputs whose missing values are NaN by default.
    ///   - pinned: columns that earlier files gave to inputs which the schema leaves to them.
    package func labelledData(
        _ files: [LabelledData.File], open: LabelledData.Opening? = nil, inputs: [String], nanInputs: NameSet,
        pinned: [String: [String]] = [:]
    ) -> LabelledData {
        var rules: NameMap<InputRule> = [:]
        for name in inputs + self.inputs.map(\.name) where rules[name] == nil {
            var rule = inputRule(name, isFloat: true, isText: false, isNaNByDefault: nanInputs.contains(name))
            if rule.columns == nil, let columns = pinned[name] { rule.columns = .list(columns) }
            rules[name] = rule
        }
        return LabelledData(files: files, open: open, schema: self, inputs: rules)
    }
}
