"""Every estimator that skl2onnx lists as one that it converts, fitted on scikit-learn's iris and diabetes or on seeded rows."""
import warnings

import numpy as np
import sklearn
from skl2onnx import _supported_operators, to_onnx
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType
from sklearn import datasets
from sklearn.base import is_classifier, is_clusterer, is_outlier_detector, is_regressor
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import SelectorMixin
from sklearn.gaussian_process.kernels import RBF
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from zoo import Zoo, table

warnings.filterwarnings("ignore")
RANDOM = np.random.default_rng(20261129)


# MARK: Rows. The first 20 of each table are scored, the others are learnt from.

def shuffled(data, columns, count=80):
    order = np.random.default_rng(5).permutation(len(data.data))[:count]
    return data.data[order][:, :columns].astype(np.float32), data.target[order]


IRIS, SPECIES = shuffled(datasets.load_iris(), 4)
NAMES = datasets.load_iris().target_names[SPECIES]
DIABETES, PROGRESS = shuffled(datasets.load_diabetes(), 4)
DIABETES = (DIABETES * 20).astype(np.float32)
PROGRESS = PROGRESS / 50
COUNTS = RANDOM.integers(0, 5, (80, 4)).astype(np.float32)
GAPS = IRIS.copy()
GAPS[RANDOM.random(GAPS.shape) < 0.15] = np.nan
WORDS = np.stack([RANDOM.choice(list(words), 80) for words in (["red", "green", "blå"], ["small", "large"])], axis=1).astype(object)
TEXTS = np.array([" ".join(RANDOM.choice("the cat dog runs sleeps under old tree house fast".split(), 5)) for _ in range(80)], dtype=object)
AGES = np.where(RANDOM.random(80) < 0.2, np.nan, RANDOM.integers(1, 80, 80)).astype(np.float32)
FARES = RANDOM.gamma(2, 20, 80).astype(np.float32)
SURVIVED = ((WORDS[:, 0] == "red") ^ (FARES > 40)).astype(np.int64)


def tables():
    flowers = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    table("iris", **{name: IRIS[:20, place] for place, name in enumerate(flowers)})
    table("gaps", **{name: GAPS[:20, place] for place, name in enumerate(flowers)})
    table("diabetes", **{name: DIABETES[:20, place] for place, name in enumerate(["age", "sex", "bmi", "bp"])})
    table("counts", **{f"n{place}": COUNTS[:20, place].astype(np.int64) for place in range(4)})
    table("words", colour=WORDS[:20, 0], size=WORDS[:20, 1])
    table("word", name=NAMES[:20])
    table("text", text=TEXTS[:20])
    table("mixed", age=AGES[:20], fare=FARES[:20], colour=WORDS[:20, 0], size=WORDS[:20, 1])


# MARK: Estimators that do not work on the plain rows as they are made without arguments

SMALL = dict(n_estimators=4, max_depth=3, random_state=0)
PAIR = [("a", LogisticRegression()), ("b", DecisionTreeClassifier(max_depth=3))]
REGRESSORS = [("a", Ridge()), ("b", DecisionTreeRegressor(max_depth=3))]
ARGUMENTS = {
    **{name: SMALL for name in "RandomForestClassifier RandomForestRegressor ExtraTreesClassifier ExtraTreesRegressor "
       "GradientBoostingClassifier GradientBoostingRegressor RandomTreesEmbedding".split()},
    **{name: dict(n_estimators=4, random_state=0) for name in ["AdaBoostClassifier", "AdaBoostRegressor", "IsolationForest"]},
    "BaggingClassifier": dict(estimator=DecisionTreeClassifier(max_depth=3), n_estimators=3, random_state=0),
    "BaggingRegressor": dict(estimator=DecisionTreeRegressor(max_depth=3), n_estimators=3, random_state=0),
    "HistGradientBoostingClassifier": dict(max_iter=4, max_depth=3),
    "HistGradientBoostingRegressor": dict(max_iter=4, max_depth=3),
    **{name: dict(max_depth=4, random_state=0)
       for name in "DecisionTreeClassifier DecisionTreeRegressor ExtraTreeClassifier ExtraTreeRegressor".split()},
    "BayesianGaussianMixture": dict(n_components=2, random_state=0),
    "GaussianMixture": dict(n_components=3, random_state=0),
    "Binarizer": dict(threshold=2.0),
    "CalibratedClassifierCV": dict(estimator=LogisticRegression(), cv=2),
    "CastRegressor": dict(estimator=LinearRegression()),
    "CastTransformer": dict(dtype=np.float32),
    "FeatureUnion": dict(transformer_list=[("s", StandardScaler()), ("m", MinMaxScaler())]),
    "FunctionTransformer": dict(),
    "GaussianProcessRegressor": dict(kernel=RBF(), alpha=0.1),
    "GaussianRandomProjection": dict(n_components=2, random_state=0),
    "GenericUnivariateSelect": dict(mode="k_best", param=2),
    "GridSearchCV": dict(estimator=LogisticRegression(), param_grid={"C": [0.1, 1]}, cv=2),
    "IncrementalPCA": dict(n_components=2), "PCA": dict(n_components=2), "TruncatedSVD": dict(n_components=2),
    "PLSRegression": dict(n_components=2),
    "KernelPCA": dict(n_components=2, kernel="rbf"),
    "KMeans": dict(n_clusters=3, n_init=2, random_state=0), "MiniBatchKMeans": dict(n_clusters=3, n_init=2, random_state=0),
    "KBinsDiscretizer": dict(n_bins=3, encode="ordinal", strategy="uniform"),
    "LocalOutlierFactor": dict(novelty=True, n_neighbors=5),
    "LogisticRegressionCV": dict(Cs=2, cv=2, use_legacy_attributes=False) if sklearn.__version__ >= "1.8" else dict(Cs=2, cv=2),
    "MLPClassifier": dict(hidden_layer_sizes=(6,), max_iter=60, random_state=0),
    "MLPRegressor": dict(hidden_layer_sizes=(6,), max_iter=60, random_state=0),
    "MultiOutputClassifier": dict(estimator=LogisticRegression()), "MultiOutputRegressor": dict(estimator=Ridge()),
    "NeighborhoodComponentsAnalysis": dict(n_components=2, random_state=0),
    "OneVsOneClassifier": dict(estimator=LogisticRegression()), "OneVsRestClassifier": dict(estimator=LogisticRegression()),
    "Pipeline": dict(steps=[("scale", StandardScaler()), ("tree", DecisionTreeClassifier(max_depth=3))]),
    "QuantileTransformer": dict(n_quantiles=10),
    "RadiusNeighborsClassifier": dict(radius=3.0, outlier_label=0), "RadiusNeighborsRegressor": dict(radius=6.0),
    "RANSACRegressor": dict(random_state=0),
    "ReplaceTransformer": dict(from_value=np.nan, to_value=0.0),
    "RFE": dict(estimator=LogisticRegression(), n_features_to_select=2), "RFECV": dict(estimator=LogisticRegression(), cv=2),
    "SelectFromModel": dict(estimator=LogisticRegression()), "SelectKBest": dict(k=2),
    "SGDClassifier": dict(loss="log_loss", random_state=0), "SGDRegressor": dict(random_state=0), "SGDOneClassSVM": dict(random_state=0),
    "PassiveAggressiveClassifier": dict(random_state=0), "PassiveAggressiveRegressor": dict(random_state=0),
    "Perceptron": dict(random_state=0),
    "StackingClassifier": dict(estimators=PAIR, cv=2), "StackingRegressor": dict(estimators=REGRESSORS, cv=2),
    "VotingClassifier": dict(estimators=PAIR, voting="soft", flatten_transform=False), "VotingRegressor": dict(estimators=REGRESSORS),
    "SVC": dict(probability=True, random_state=0), "NuSVC": dict(probability=True, nu=0.3, random_state=0),
    "TfidfVectorizer": dict(max_features=8), "CountVectorizer": dict(max_features=8),
    "TheilSenRegressor": dict(random_state=0),
    "TunedThresholdClassifierCV": dict(estimator=LogisticRegression(), cv=2),
    "TweedieRegressor": dict(power=0),
    "LinearSVC": dict(random_state=0), "LinearSVR": dict(random_state=0),
    "OneHotEncoder": dict(handle_unknown="ignore"),
    "VarianceThreshold": dict(threshold=0.3),
    "KNNImputer": dict(n_neighbors=2), "KNeighborsTransformer": dict(n_neighbors=3, mode="distance"),
    "NearestNeighbors": dict(n_neighbors=3, radius=None),
    "TargetEncoder": dict(cv=2, random_state=0),
}
# What it learns from, where that is neither iris (classifiers, transformers) nor diabetes (regressors).
ON_COUNTS = "BernoulliNB CategoricalNB ComplementNB MultinomialNB TfidfTransformer".split()
ON_GAPS = "SimpleImputer KNNImputer HistGradientBoostingClassifier HistGradientBoostingRegressor ReplaceTransformer".split()
ON_WORDS = "OneHotEncoder OrdinalEncoder TargetEncoder".split()
ON_TEXT = "TfidfVectorizer CountVectorizer".split()
ON_MANY = "MultiTaskElasticNet MultiTaskElasticNetCV MultiTaskLasso MultiTaskLassoCV MultiOutputRegressor".split()
POSITIVE = "GammaRegressor PoissonRegressor TweedieRegressor".split()
REASONS = {
    "DictVectorizer": "its input is a map for each row, which is no tensor",
    "FeatureHasher": "its input is a list of words of any length for each row",
    "_ConstantPredictor": "a part of OneVsRestClassifier that users do not make",
}


def columns_of(name):
    """The rows, what is to be learnt, the table, and what the pipeline says of the input."""
    if name in ON_COUNTS:
        return COUNTS, SPECIES, "counts", {}
    if name in ON_GAPS:
        return GAPS, PROGRESS if "Regressor" in name else SPECIES, "gaps", {"X": {"missing": "nan"}}
    if name in ON_WORDS:
        return WORDS, SURVIVED, "words", {"X": {"columns": ["colour", "size"]}}
    if name in ON_TEXT:
        return TEXTS, None, "text", {"X": {"columns": ["text"]}}
    if name == "LabelEncoder":
        return NAMES, None, "word", {"X": {"columns": ["name"]}}
    return None


def export(zoo, cls):
    name = cls.__name__
    estimator = cls(**ARGUMENTS.get(name, {})) if name != "ColumnTransformer" else None
    if name in ("ColumnTransformer", "LabelBinarizer", "KernelCenterer"):
        return SPECIAL[name](zoo, cls)
    x, y, rows, inputs = columns_of(name) or (
        (DIABETES, PROGRESS, "diabetes", {}) if is_regressor(estimator) and name != "RANSAC" else (IRIS, SPECIES, "iris", {}))
    if name in ON_MANY:
        y = np.stack([PROGRESS, PROGRESS[::-1] * 2], axis=1)
    if name in POSITIVE:
        y = np.abs(y) + 0.1
    if name == "MultiOutputClassifier":
        y = np.stack([SPECIES, (IRIS[:, 0] > 5.8).astype(np.int64)], axis=1)
    if name in ("TunedThresholdClassifierCV", "GaussianProcessClassifier"):
        y = (SPECIES > 0).astype(np.int64)
    kind = (StringTensorType([None, 1 if x.ndim == 1 else x.shape[1]]) if x.dtype == object or x.dtype.kind == "U"
            else FloatTensorType([None, x.shape[1]]))
    probabilistic = is_classifier(estimator) and hasattr(estimator, "predict_proba")
    fitted = estimator.fit(x[20:], y[20:]) if y is not None else estimator.fit(x[20:])
    if not is_classifier(fitted) or isinstance(fitted, SelectorMixin):
        # The converter knows version 3 of ai.onnx.ml only, as its error says.
        sets = {"": 21, "ai.onnx.ml": 3} if name == "IsolationForest" else None
        model = to_onnx(fitted, initial_types=[("X", kind)], target_opset=sets)
        return zoo.add(name, model, rows, results(fitted, x[:20], model), inputs)
    has_zipmap = name != "LinearSVC"
    model = to_onnx(fitted, initial_types=[("X", kind)], options={id(fitted): {"zipmap": False}} if has_zipmap else None)
    # A sequence of tensors, one for each label, is no output of rows: the pipeline leaves it out.
    outputs = {"label": "label_*"} if name == "MultiOutputClassifier" else None
    # This converter writes the labels as one row.
    if name == "QuadraticDiscriminantAnalysis":
        outputs = {"label": {"batch_axis": 1}, "probabilities": "probabilities_*"}
    zoo.add(name, model, rows, results(fitted, x[:20], model), inputs, outputs=outputs)
    if y.ndim > 1 or not hasattr(fitted, "classes_") or not has_zipmap:
        return
    # The same with classes that are words, and a ZipMap, which is skl2onnx's default.
    try:
        named = cls(**ARGUMENTS.get(name, {})).fit(x[20:], np.array(["no", "yes", "maybe"])[y[20:].astype(int)])
        model = to_onnx(named, initial_types=[("X", kind)])
        if outputs:
            outputs = {"output_label": {"batch_axis": 1}, "output_probability": "output_probability_*"}
        zoo.add(name + "-zipmap", model, rows, results(named, x[:20], model), inputs, subject=name, outputs=outputs)
    except Exception as error:
        zoo.cannot(name + "-zipmap", f"{type(error).__name__}: {error}")


def results(fitted, x, model):
    """What the framework says of each output that the exporter writes."""
    outputs = [output.name for output in model.graph.output]
    kinds = [output.type.WhichOneof("value") for output in model.graph.output]
    name = type(fitted).__name__
    if name == "NearestNeighbors":
        distances, places = fitted.kneighbors(x)
        return dict(zip(outputs, [distances, places] if "distance" in outputs[0] else [places, distances]))
    if name == "GaussianMixture" or name == "BayesianGaussianMixture":
        return dict(zip(outputs, [fitted.predict(x), fitted.predict_proba(x)]))
    if is_outlier_detector(fitted):
        scores = fitted.score_samples(x) if name == "OneClassSVM" else fitted.decision_function(x)
        return dict(zip(outputs, [fitted.predict(x), fitted.decision_function(x)]))
    if is_clusterer(fitted):
        return dict(zip(outputs, [fitted.predict(x), fitted.transform(x)]))
    if is_classifier(fitted) and not isinstance(fitted, SelectorMixin):
        found = {outputs[0]: fitted.predict(x)}
        if name == "MultiOutputClassifier":
            return found
        if hasattr(fitted, "predict_proba"):
            probabilities = fitted.predict_proba(x)
            found[outputs[1]] = (list(fitted.classes_), probabilities) if kinds[1] == "sequence_type" else probabilities
        return found
    if hasattr(fitted, "transform") and not is_regressor(fitted):
        made = fitted.transform(x)
        return {outputs[0]: made.toarray() if hasattr(made, "toarray") else made}
    return {outputs[0]: fitted.predict(x)}


# MARK: Estimators with rows of their own

def column_transformer(zoo, cls):
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    import pandas

    frame = pandas.DataFrame({"age": AGES, "fare": FARES, "colour": WORDS[:, 0], "size": WORDS[:, 1]})
    types = [(name, FloatTensorType([None, 1]) if name in ("age", "fare") else StringTensorType([None, 1])) for name in frame.columns]
    prepared = cls([
        ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), ["age", "fare"]),
        ("words", OneHotEncoder(handle_unknown="ignore"), ["colour", "size"]),
    ])
    missing = {"age": {"missing": "nan"}}
    fitted = prepared.fit(frame[20:])
    zoo.add("ColumnTransformer", to_onnx(fitted, initial_types=types), "mixed",
            {"transformed_column": fitted.transform(frame[:20])}, missing)
    whole = make_pipeline(prepared, LogisticRegression()).fit(frame[20:], SURVIVED[20:])
    for suffix, options in (("", {"zipmap": False}), ("-zipmap", {})):
        model = to_onnx(whole, initial_types=types, options={id(whole): options} if options else None)
        zoo.add("ColumnTransformer-LogisticRegression" + suffix, model, "mixed", results(whole, frame[:20], model), missing,
                subject="ColumnTransformer")


def label_binarizer(zoo, cls):
    fitted = cls().fit(COUNTS[20:, 0].astype(np.int64))
    table("count", n0=COUNTS[:20, 0].astype(np.int64))
    model = to_onnx(fitted, initial_types=[("X", Int64TensorType([None, 1]))])
    zoo.add("LabelBinarizer", model, "count", {model.graph.output[0].name: fitted.transform(COUNTS[:20, 0].astype(np.int64))})


def kernel_centerer(zoo, cls):
    kernel = (IRIS @ IRIS[20:24].T).astype(np.float32)
    table("kernel", **{f"k{place}": kernel[:20, place] for place in range(4)})
    fitted = cls().fit(kernel[20:24])
    model = to_onnx(fitted, initial_types=[("X", FloatTensorType([None, 4]))])
    zoo.add("KernelCenterer", model, "kernel", {model.graph.output[0].name: fitted.transform(kernel[:20].copy())})


SPECIAL = {"ColumnTransformer": column_transformer, "LabelBinarizer": label_binarizer, "KernelCenterer": kernel_centerer}


def main():
    zoo = Zoo("skl2onnx", "skl2onnx", "scikit-learn", "onnx")
    tables()
    listed = [cls for cls in _supported_operators.sklearn_operator_name_map if not isinstance(cls, str)]
    for cls in listed:
        if cls.__name__ in REASONS:
            zoo.cannot(cls.__name__, REASONS[cls.__name__])
            continue
        try:
            export(zoo, cls)
        except Exception as error:
            why = "its numbers are NumPy's own, which onnx refuses: " if cls.__name__.startswith("HistGradientBoosting") else ""
            zoo.cannot(cls.__name__, f"{why}{type(error).__name__}: {error}")
    zoo.finish(cls.__name__ for cls in listed)


if __name__ == "__main__":
    main()
