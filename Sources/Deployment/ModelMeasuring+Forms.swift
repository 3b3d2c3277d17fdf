import Arrivals
import Attempts
import Recipes

extension ModelMeasuring {
    // MARK: Making

    /// Returns whether a form may be made, and keeps the reason where it may not. The first one, from which most is hoped, is always made.
    func hasTime(toMake form: ModelForm) -> Bool {
        if forms.isEmpty || making < plan.formBudget { return true }
        leftOut[form.rawValue] = "making other forms took the budget of \(Int(plan.formBudget)) s: with a larger one it is tried"
        return false
    }

    /// Makes a form of the model, in which some layers stay in float, in place of an earlier one. Returns whether there is one now; the
    /// reason why there is none is kept.
    func make(_ form: ModelForm, float: [String]) -> Bool {
        if form.needsRows, files.data == nil {
            leftOut[form.rawValue] = "it needs rows, from which it learns how large numbers become"
            return false
        }
        say(float.isEmpty ? "making \(form.rawValue)" : "making \(form.rawValue) with \(float.count) layers in float")
        let start = ContinuousClock.now
        let answer = ask(rewritten(form, float: float))
        guard answer.failure == nil, let rewriting = answer.rewriting else {
            leftOut[form.rawValue] = answer.failure.map { "\($0.statement)" } ?? "it gave no answer"
            return false
        }
        let known = forms.firstIndex { $0.form == form }
        var made = FormResult(
            form: form, files: answer.files, float: float, rewriting: rewriting, seconds: (ContinuousClock.now - start).seconds)
        if let known {
            made.seconds += forms[known].seconds
            made.rewriting.ranking = forms[known].rewriting.ranking
            forms[known] = made
        } else {
            forms.append(made)
        }
        return true
    }

    private func rewritten(
        _ form: ModelForm, float: [String], task: AttemptSpec.RewrittenFiles.Task = .write
    ) -> AttemptSpec.RewrittenFiles {
        var rewritten = AttemptSpec.RewrittenFiles(
            model: files.model, adapter: files.adapter, data: files.data, comparedRows: plan.comparedRows, form: form, float: float,
            directory: files.reference + "/" + form.rawValue, task: task)
        rewritten.older = files.older
        return rewritten
    }

    // MARK: Refining

    /// The shares of the layers that stay in float, one after another until the outputs agree.
    private static let shares = [16, 8, 4, 2]

    /// Makes forms that do not agree on any engine anew, with the layers in float that cause the most error, until they agree or are no
    /// faster any more. Returns those that agree then.
    func refine() -> [Int] {
        var refined: [Int] = []
        for form in plan.forms {
            let own = lanes.indices.filter { lanes[$0].result.candidate.form == form }
            guard !own.contains(where: { lanes[$0].result.passes }) else { continue }
            refine(form, own.filter { lanes[$0].disagrees })
            refined += own.filter { lanes[$0].result.passes }
        }
        return refined
    }

    private func refine(_ form: ModelForm, _ own: [Int]) {
        guard making < plan.formBudget, isFaster(own), let known = forms.firstIndex(where: { $0.form == form }) else { return }
        let start = ContinuousClock.now
        say("ranking the layers of \(form.rawValue)")
        let answer = ask(rewritten(form, float: [], task: .rank(seconds: (plan.formBudget - making) / 2)))
        guard let ranking = answer.rewriting?.ranking, !ranking.isEmpty else { return }
        forms[known].rewriting.ranking = ranking
        forms[known].seconds += (ContinuousClock.now - start).seconds
        var count = 0
        for share in Self.shares {
            let more = (ranking.count + share - 1) / share
            guard more > count, more < ranking.count else { continue }
            // Ranking is of no use without a step after it.
            if count > 0, making > plan.formBudget { return }
            count = more
            for index in own { endProcess(of: lanes[index].result.candidate) }
            guard make(form, float: ranking.prefix(count).map(\.layer)) else { return }
            for index in own { compare(index) }
            if own.contains(where: { lanes[$0].result.passes }) || !isFaster(own) { return }
        }
    }

    /// Returns whether one of these candidates, which do not agree, would be the fastest.
    private func isFaster(_ refused: [Int]) -> Bool {
        for index in refused where lanes[index].disagrees { timeOnce(index) }
        let times = refused.filter { lanes[$0].disagrees && lanes[$0].result.bursts > 0 }.map { time(lanes[$0].result) }
        guard let fastest = times.min() else { return false }
        return (bestTime ?? .infinity) / fastest >= DeploymentTable.leastGain
    }
}
