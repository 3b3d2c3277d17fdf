"""Every loss of PyTorch's on a few rows, with its gradient."""
import numpy as np
import torch
import torch.nn.functional as F

from golden import draw, save


def losses():
    g = torch.Generator().manual_seed(8)
    arrays = {}

    def case(name, x, y, terms, weight=None, module=None):
        """`terms(x)` gives the terms and what each weighs beside its row; PyTorch's own mean is checked where `module` is given."""
        x = x.clone().requires_grad_()
        rows = torch.ones(x.shape[0], dtype=torch.float64) if weight is None else weight
        values, weights = terms(x)
        rows_of = rows.reshape(-1, *[1] * (values.dim() - 1)).expand_as(values)
        # Numerator and denominator weigh differently in some losses.
        numerator, denominator = weights if isinstance(weights, tuple) else (weights, weights)
        loss = (values * rows_of * numerator).sum() / (rows_of * denominator).sum()
        if module is not None and weight is None:
            assert abs(module(x).item() - loss.item()) < 1e-12, (name, module(x).item(), loss.item())
        loss.backward()
        arrays[f"{name}/x"] = x.detach().numpy()
        if y is not None:
            arrays[f"{name}/target"] = y.numpy()
        arrays[f"{name}/weight"] = rows.float().numpy()
        arrays[f"{name}/loss"] = np.array(loss.item())
        arrays[f"{name}/gradient"] = x.grad.numpy()

    def one(values):
        return values, torch.ones_like(values)

    n, c = 6, 4
    x, y = draw(g, n, c), torch.randint(0, c, (n,), generator=g)
    rows = torch.tensor([1, 2, 0, 0.5, 1, 3], dtype=torch.float64)
    classes = torch.tensor([1.0, 0.5, 2.0, 0.25], dtype=torch.float64)
    plain = lambda x: one(F.cross_entropy(x, y, reduction="none"))
    case("cross_entropy", x, y, plain, module=lambda x: F.cross_entropy(x, y))
    case("cross_entropy_rows", x, y, plain, weight=rows)
    ignored = y.clone()
    ignored[1] = -100
    case("cross_entropy_ignored", x, ignored, lambda x: (F.cross_entropy(x, ignored, reduction="none"), (ignored != -100).double()),
         module=lambda x: F.cross_entropy(x, ignored))

    def weighted(x, smoothing=0.0):
        terms = F.cross_entropy(x, y, weight=classes, label_smoothing=smoothing, reduction="none")
        return terms, (torch.ones_like(terms), classes[y])

    case("cross_entropy_classes", x, y, weighted, module=lambda x: F.cross_entropy(x, y, weight=classes))
    case("cross_entropy_smoothed", x, y, lambda x: one(F.cross_entropy(x, y, label_smoothing=0.1, reduction="none")),
         module=lambda x: F.cross_entropy(x, y, label_smoothing=0.1))
    case("cross_entropy_classes_smoothed", x, y, lambda x: weighted(x, 0.1),
         module=lambda x: F.cross_entropy(x, y, weight=classes, label_smoothing=0.1))
    p = torch.softmax(draw(g, n, c), 1).float().double()
    case("cross_entropy_probabilities", x, p, lambda x: one(F.cross_entropy(x, p, weight=classes, label_smoothing=0.2, reduction="none")),
         module=lambda x: F.cross_entropy(x, p, weight=classes, label_smoothing=0.2))
    x3, y3 = draw(g, 3, c, 5), torch.randint(0, c, (3, 5), generator=g)
    case("cross_entropy_pixels", x3, y3, lambda x: (
        F.cross_entropy(x, y3, weight=classes, reduction="none"), (torch.ones(3, 5, dtype=torch.float64), classes[y3])),
         module=lambda x: F.cross_entropy(x, y3, weight=classes))

    z, b = draw(g, n, 1), torch.randint(0, 2, (n,), generator=g).double()
    z[0, 0] = 0
    z[1, 0] = 90
    z[2, 0] = -90
    case("binary_cross_entropy", z, b, lambda x: one(F.binary_cross_entropy_with_logits(x[:, 0], b, reduction="none")),
         module=lambda x: F.binary_cross_entropy_with_logits(x[:, 0], b))
    case("binary_cross_entropy_positive", z, b, lambda x: one(F.binary_cross_entropy_with_logits(
        x[:, 0], b, pos_weight=torch.tensor(3.0, dtype=torch.float64), reduction="none")),
         module=lambda x: F.binary_cross_entropy_with_logits(x[:, 0], b, pos_weight=torch.tensor(3.0, dtype=torch.float64)))
    probability = torch.sigmoid(draw(g, n, 1)).float().double()
    case("binary_cross_entropy_probabilities", probability, b, lambda x: one(F.binary_cross_entropy(x[:, 0], b, reduction="none")),
         module=lambda x: F.binary_cross_entropy(x[:, 0], b))
    m = torch.randint(0, 2, (n, c), generator=g).double()
    case("multilabel", x, m, lambda x: one(F.multilabel_soft_margin_loss(x, m, weight=classes, reduction="none")),
         module=lambda x: F.multilabel_soft_margin_loss(x, m, weight=classes))

    t = draw(g, n, c)
    t[0, 0] = x[0, 0]
    case("mean_squared_error", x, t, lambda x: one(F.mse_loss(x, t, reduction="none")), module=lambda x: F.mse_loss(x, t))
    case("mean_squared_error_rows", x, t, lambda x: one(F.mse_loss(x, t, reduction="none")), weight=rows)
    case("mean_absolute_error", x, t, lambda x: one(F.l1_loss(x, t, reduction="none")), module=lambda x: F.l1_loss(x, t))
    case("huber", x, t, lambda x: one(F.huber_loss(x, t, delta=0.7, reduction="none")), module=lambda x: F.huber_loss(x, t, delta=0.7))
    q = torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)
    xq, tq = draw(g, n, 3), draw(g, n)

    def pinball(x):
        error = tq[:, None] - x
        return one(torch.maximum(q * error, (q - 1) * error))

    case("quantile", xq, tq, pinball)
    k = torch.randint(0, 5, (n,), generator=g).double()
    case("poisson", z * 0 + draw(g, n, 1), k, lambda x: one(F.poisson_nll_loss(x[:, 0], k, reduction="none")),
         module=lambda x: F.poisson_nll_loss(x[:, 0], k))
    case("poisson_rate", draw(g, n, 1).abs() + 0.1, k, lambda x: one(F.poisson_nll_loss(x[:, 0], k, log_input=False, reduction="none")),
         module=lambda x: F.poisson_nll_loss(x[:, 0], k, log_input=False))
    ones = torch.ones(n, dtype=torch.float64)
    case("cosine_embedding", x, t, lambda x: one(F.cosine_embedding_loss(x, t, ones, reduction="none")),
         module=lambda x: F.cosine_embedding_loss(x, t, ones))
    # Both embeddings in one array, [N, 2D]: the test cuts it in two.
    sign = torch.tensor([1, -1, -1, 1, -1, 1], dtype=torch.float64)
    pair = draw(g, n, 2 * c)
    case("cosine_embedding_pair", pair, sign,
         lambda x: one(F.cosine_embedding_loss(x[:, :c], x[:, c:], sign, margin=-0.3, reduction="none")),
         module=lambda x: F.cosine_embedding_loss(x[:, :c], x[:, c:], sign, margin=-0.3))
    save("losses", arrays)
