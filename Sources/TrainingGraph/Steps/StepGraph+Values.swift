package import Autodiff
package import ONNX
import Passes
import Recipes
package import Tensors

/// Gives the first values of a step graph's inputs, and writes its results into the model.
extension StepGraph {
    /// Returns the value of a slot before the first step: the model's value of a parameter, also for its average; nil for state, which is
    /// 0.
    package func initialValue(of slot: Slot) throws(AutodiffError) -> Tensor? {
        switch slot.kind {
        case .parameter, .statistic: try source.initialValue(slot.name)
        case .average(let parameter): try source.initialValue(parameter)
        case .state: nil
        }
    }

    /// Returns the model's values of all `parameters`, by name.
    package func initialParameters() throws(AutodiffError) -> [String: Tensor] {
        var values: [String: Tensor] = [:]
        for slot in parameters { values[slot.name] = try initialValue(of: slot) }
        return values
    }

    /// Reads the values of `frozenWeights`.
    package func heldValues() throws(AutodiffError) -> [String: Tensor] {
        var values: [String: Tensor] = [:]
        for name in frozenWeights { values[name] = try source.initialValue(name) }
        return values
    }

    /// Returns `model` with trained values in the places where it stores its parameters, and nothing else changed: the values are rounded
    /// to the type that the model stores, and adapters are merged into their weights.
    /// - Parameter parameters: the values of the slots in `parameters`, or their averages, by the names of the parameters.
    package func model(_ model: Model, with parameters: [String: Tensor]) throws(AutodiffError) -> Model {
        try checkConstraints(parameters)
        var changed = parameters
        for factors in try adapter(with: parameters)?.factors ?? [] {
            changed[factors.weight] = try factors.merged(into: source.initialValue(factors.weight))
        }
        for adapted in adapted {
            changed[adapted.down] = nil
            changed[adapted.up] = nil
        }
        for (weight, copies) in shared.copies {
            guard let value = changed[weight] else { continue }
            for copy in copies { changed[copy] = value }
        }
        var result = model
        try result.write(changed)
        return result
    }

    /// Returns the adapter that the factors in `parameters` make; nil if the recipe has no adapters.
    package func adapter(with parameters: [String: Tensor]) throws(AutodiffError) -> LowRankAdapter? {
        guard recipe.adapters != nil else { return nil }
        var factors: [LowRankAdapter.Factors] = []
        for adapted in adapted {
            guard let down = parameters[adapted.down], let up = parameters[adapted.up] else { throw .unknownValue(adapted.down) }
            factors.append(
                LowRankAdapter.Factors(weight: adapted.weight, down: down, up: up, scale: adapted.scale, isTransposed: adapted.isTransposed)
            )
        }
        return LowRankAdapter(factors)
    }

    /// Returns the value of `signature.randomKey` for step number `step`, a uint32 scalar.
    package func randomKey(step: Int) -> Tensor {
        var random = SplitMix(seed: UInt64(recipe.seed) ^ UInt64(bitPattern: Int64(step)) &* 0x9E37_79B9_7F4A_7C15)
        return Tensor(.uint32, [], [UInt32(truncatingIfNeeded: random.next())])
    }
}
