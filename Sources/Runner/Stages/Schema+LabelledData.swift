import Columnar
package import Names
package import PipelineConfig
package import Training

extension Schema {
    /// Labelled files as this schema reads them.
    /// - Parameters:
    ///   - inputs: the model's, by name.
    ///   - nanInputs: the inputs whose missing values are NaN by default.
    ///   - pinned: columns that earlier files gave to inputs which the schema leaves to them.
    package func labelledData(
        _ files: [LabelledData.File], inputs: [String], nanInputs: NameSet, pinned: [String: [String]] = [:]
    ) -> LabelledData {
        var rules: NameMap<InputRule> = [:]
        for name in inputs + self.inputs.map(\.name) where rules[name] == nil {
            var rule = inputRule(name, isFloat: true, isText: false, isNaNByDefault: nanInputs.contains(name))
            if rule.columns == nil, let columns = pinned[name] { rule.columns = .list(columns) }
            rules[name] = rule
        }
        return LabelledData(
            files: files, label: label.map(InputRule.Columns.init), inputs: rules, classes: classes,
            refusesMissingLabels: missingLabel == .error, weight: weight, key: key, keep: keep,
            types: NameMap(types.map { ($0.key, $0.value.rawValue) }, uniquingKeysWith: { $1 }), dialect: textDialect)
    }
}
