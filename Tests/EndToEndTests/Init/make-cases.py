"""The cases of `InitTests`: a model by its framework's documented export, data as pandas writes it, and the framework's predictions.

Frames have the columns of well-known data sets (Titanic's passengers, flights, penguins, a survey) with seeded values; diabetes and iris
are scikit-learn's. Run with the packages of ../Zoo/make/requirements-sklearn.txt and pyarrow."""
import pathlib
import shutil
import sys
import warnings

import numpy as np
import onnx
import pandas as pd
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, StringTensorType
from sklearn import datasets
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "Zoo" / "make"))
from zoo import landed, text  # noqa: E402

warnings.filterwarnings("ignore")
RANDOM = np.random.default_rng(25)
COUNT, SCORED = 120, 40


def case(name, model, write, predictions):
    """`Init/NAME/model.onnx`, its data, and `expected.csv` under the names of the columns that land."""
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    onnx.save(model, folder / "model.onnx")
    write(folder)
    columns = {}
    for output, values in predictions.items():
        columns.update(landed(output, values))
    frame = pd.DataFrame({key: [text(value) for value in values] for key, values in columns.items()})
    frame.to_csv(folder / "expected.csv", index=False, lineterminator="\n")


def csv(frame, **options):
    return lambda folder: frame.to_csv(folder / "data.csv", **options)


def parquet(frame):
    return lambda folder: frame.to_parquet(folder / "data.parquet")


def jsonl(frame):
    return lambda folder: frame.to_json(folder / "data.jsonl", orient="records", lines=True, double_precision=15)


def outputs(model):
    return [output.name for output in model.graph.output]


def gaps(values, share=0.15):
    return np.where(RANDOM.random(len(values)) < share, np.nan, values)


def ports(frame):
    return [(name, FloatTensorType([None, 1]) if frame[name].dtype.kind in "fib" else StringTensorType([None, 1])) for name in frame]


def titanic():
    frame = pd.DataFrame({
        "survived": RANDOM.choice(["yes", "no"], COUNT), "sex": RANDOM.choice(["male", "female"], COUNT),
        "age": gaps(RANDOM.integers(1, 80, COUNT) * 1.0),
        "passengerClass": RANDOM.choice(["1st", "2nd", "3rd"], COUNT)})
    features = frame[["sex", "age", "passengerClass"]]
    whole = make_pipeline(
        ColumnTransformer([
            ("n", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), ["age"]),
            ("w", OneHotEncoder(handle_unknown="ignore"), ["sex", "passengerClass"])]),
        LogisticRegression()).fit(features, frame.survived)
    found = whole.predict(features[:SCORED]), whole.predict_proba(features[:SCORED])
    model = to_onnx(whole, initial_types=ports(features))
    case("titanic", model, csv(frame[:SCORED]), {outputs(model)[0]: found[0], outputs(model)[1]: (list(whole.classes_), found[1])})
    model = to_onnx(whole, initial_types=ports(features), options={id(whole): {"zipmap": False}})
    case("titanic-array", model, parquet(frame[:SCORED]), dict(zip(outputs(model), found)))


def flights():
    frame = pd.DataFrame({
        "flight_id": np.arange(1000, 1000 + COUNT), "dep_delay": gaps(RANDOM.normal(10, 30, COUNT).round()),
        "distance": RANDOM.integers(100, 2500, COUNT),
        "air_time": gaps(RANDOM.integers(30, 300, COUNT) * 1.0), "hour": RANDOM.integers(5, 23, COUNT),
        "month": RANDOM.integers(1, 12, COUNT),
        "carrier": RANDOM.choice(["AA", "DL", "UA"], COUNT), "origin": RANDOM.choice(["EWR", "JFK", "LGA"], COUNT),
        "weekend": RANDOM.random(COUNT) < 0.3})
    features = frame.drop(columns="flight_id")
    numbers, words = ["dep_delay", "distance", "air_time", "hour", "month"], ["carrier", "origin"]
    whole = make_pipeline(
        ColumnTransformer([
            ("n", make_pipeline(SimpleImputer(), StandardScaler()), numbers),
            ("w", OneHotEncoder(handle_unknown="ignore"), words), ("b", "passthrough", ["weekend"])]),
        LogisticRegression()).fit(features, (frame.dep_delay.fillna(0) > 5).astype(int))
    model = to_onnx(whole, initial_types=ports(features), options={id(whole): {"zipmap": False}})
    case("flights", model, csv(frame[:SCORED]),
         dict(zip(outputs(model), [whole.predict(features[:SCORED]), whole.predict_proba(features[:SCORED])])))


def forest():
    data = datasets.load_diabetes(as_frame=True).frame
    features = data.drop(columns="target").astype(np.float32)
    fitted = RandomForestRegressor(4, max_depth=4, random_state=0).fit(features.to_numpy(), data.target)
    model = to_onnx(fitted, features.to_numpy()[:1])
    shown = features.assign(target=data.target)
    case("forest", model, csv(shown[:SCORED]), {outputs(model)[0]: fitted.predict(features.to_numpy()[:SCORED])})


def penguins():
    species = RANDOM.choice(["Adelie", "Chinstrap", "Gentoo"], COUNT)
    shift = pd.Series(species).map({"Adelie": 0, "Chinstrap": 5, "Gentoo": 10}).to_numpy()
    return pd.DataFrame({
        "species": species, "island": RANDOM.choice(["Biscoe", "Dream"], COUNT),
        "bill_length_mm": gaps((38 + shift + RANDOM.normal(0, 2, COUNT)).round(1)),
        "bill_depth_mm": gaps((18 - shift / 4 + RANDOM.normal(0, 1, COUNT)).round(1)),
        "flipper_length_mm": gaps((190 + shift * 2 + RANDOM.normal(0, 4, COUNT)).round()),
        "body_mass_g": gaps((3500 + shift * 100 + RANDOM.normal(0, 200, COUNT)).round()), "sex": RANDOM.choice(["male", "female"], COUNT),
        "year": RANDOM.integers(2007, 2010, COUNT)})


def trees():
    import catboost
    import lightgbm
    import onnxmltools
    import xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType as Floats

    survey = pd.DataFrame({
        name: gaps(RANDOM.integers(1, 6, COUNT) * 1.0)
        for name in ["rate_marriage", "age", "yrs_married", "children", "religious", "educ"]})
    affairs = (RANDOM.random(COUNT) * 3).round(2)
    fitted = xgboost.XGBClassifier(n_estimators=4, max_depth=3).fit(survey.to_numpy(), (affairs > 1).astype(int))
    model = onnxmltools.convert_xgboost(fitted, initial_types=[("input", Floats([None, 6]))], target_opset=15)
    x = survey.to_numpy()[:SCORED]
    case("survey", model, csv(survey.assign(affairs=affairs)[:SCORED]),
         dict(zip(outputs(model), [fitted.predict(x), fitted.predict_proba(x)])))

    codes = pd.DataFrame({
        "f0": RANDOM.normal(size=COUNT), "f1": pd.Categorical.from_codes(RANDOM.integers(0, 3, COUNT), [0, 1, 2]),
        "f2": RANDOM.normal(size=COUNT)})
    fitted = xgboost.XGBRegressor(n_estimators=4, max_depth=3, enable_categorical=True).fit(codes, codes.f0 * 2 + codes.f1.astype(int))
    model = onnxmltools.convert_xgboost(fitted, initial_types=[("input", Floats([None, 3]))], target_opset=15)
    case("codes", model, csv(codes[:SCORED], index=False), {outputs(model)[0]: fitted.predict(codes[:SCORED])})

    frame = penguins()
    x = frame[["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]].to_numpy()
    fitted = lightgbm.LGBMClassifier(n_estimators=4, num_leaves=6, min_child_samples=4, verbose=-1).fit(x, frame.species)
    model = onnxmltools.convert_lightgbm(fitted, initial_types=[("input", Floats([None, 4]))], target_opset=15)
    case("penguins", model, csv(frame[:SCORED]), {
        outputs(model)[0]: fitted.predict(x[:SCORED]),
        outputs(model)[1]: (list(fitted.classes_), fitted.predict_proba(x[:SCORED]))})

    data = datasets.load_diabetes(as_frame=True).frame
    features = data.drop(columns="target").astype(np.float32).to_numpy()
    fitted = lightgbm.LGBMRegressor(n_estimators=4, num_leaves=6, verbose=-1).fit(features, data.target)
    model = onnxmltools.convert_lightgbm(fitted, initial_types=[("input", Floats([None, None]))], target_opset=15)
    case("open-width", model, csv(data[:SCORED].astype(np.float32)), {outputs(model)[0]: fitted.predict(features[:SCORED])})

    shuffled = frame.sample(frac=1, random_state=1).dropna()
    x = shuffled[["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]].to_numpy()
    fitted = catboost.CatBoostClassifier(
        iterations=4, depth=3, verbose=0, allow_writing_files=False, random_seed=0).fit(x, shuffled.species)
    fitted.save_model("/tmp/case.onnx", format="onnx")
    model = onnx.load("/tmp/case.onnx")
    case("catboost", model, parquet(shuffled[:SCORED].drop(columns="year")), {
        outputs(model)[0]: fitted.predict(x[:SCORED]).reshape(-1),
        outputs(model)[1]: (list(fitted.classes_), fitted.predict_proba(x[:SCORED]))})


def clusters():
    iris = datasets.load_iris(as_frame=True).data.astype(np.float32).sample(COUNT, random_state=0).reset_index(drop=True)
    fitted = KMeans(3, n_init=2, random_state=0).fit(iris.to_numpy())
    model = to_onnx(fitted, iris.to_numpy()[:1])
    case("clusters", model, csv(iris[:SCORED], index=False),
         dict(zip(outputs(model), [fitted.predict(iris.to_numpy()[:SCORED]), fitted.transform(iris.to_numpy()[:SCORED])])))


def words():
    parts = ["regional", "international", "county", "municipal", "north", "lake", "field", "memorial"]
    names = np.array([" ".join(RANDOM.choice(parts, 4)) for _ in range(COUNT)])
    frame = pd.DataFrame({
        "faa": [f"{chr(65 + n % 26)}{n:03d}" for n in range(COUNT)], "name": names,
        "kind": RANDOM.choice(["public", "private"], COUNT)})
    whole = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(names, frame.kind)
    model = to_onnx(whole, initial_types=[("input", StringTensorType([None, 1]))], options={id(whole): {"zipmap": False}})
    case("text", model, csv(frame[:SCORED]), {outputs(model)[0]: whole.predict(names[:SCORED])})


def nets():
    import io
    import torch
    from torch import nn

    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.month, self.carrier = nn.Embedding(13, 2), nn.Embedding(5, 2)
            self.layers = nn.Sequential(nn.Linear(7, 6), nn.ReLU(), nn.Linear(6, 2))

        def forward(self, cat, num):
            return self.layers(torch.cat([self.month(cat[:, 0]), self.carrier(cat[:, 1]), num], 1))

    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.head = nn.LSTM(2, 3, batch_first=True), nn.Linear(3, 1)

        def forward(self, x):
            return self.head(self.layer(x)[0][:, -1])

    class Picture(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(32, 3))

        def forward(self, image):
            return self.layers(image)

    def export(module, given):
        file = io.BytesIO()
        torch.onnx.export(module, tuple(map(torch.tensor, given.values())), file, dynamo=False, input_names=list(given), output_names=["y"],
                          dynamic_axes={name: {0: "batch"} for name in given}, opset_version=17)
        with torch.no_grad():
            return onnx.ModelProto.FromString(file.getvalue()), module(*map(torch.tensor, given.values())).numpy()

    torch.manual_seed(0)
    frame = pd.DataFrame({
        "flight_id": np.arange(SCORED) + 100, "month": RANDOM.integers(1, 13, SCORED), "carrier": RANDOM.integers(0, 5, SCORED),
        "distance": RANDOM.normal(size=SCORED).astype(np.float32), "air_time": RANDOM.normal(size=SCORED).astype(np.float32),
        "delay": RANDOM.normal(size=SCORED).astype(np.float32)})
    model, found = export(Mixed().eval(), {
        "cat": frame[["month", "carrier"]].to_numpy(), "num": frame[["distance", "air_time", "delay"]].to_numpy()})
    case("embeddings", model, parquet(frame), {"y": found})
    window = RANDOM.normal(size=(SCORED, 6, 2)).astype(np.float32)
    model, found = export(Recurrent().eval(), {"x": window})
    wide = pd.DataFrame(window.reshape(SCORED, -1), columns=[f"{name}_t{step}" for step in range(6) for name in ("temp", "wind")])
    case("window", model, csv(wide.assign(station=[f"s{n}" for n in range(SCORED)])), {"y": found})
    lists = pd.DataFrame({"station": [f"s{n}" for n in range(SCORED)], "readings": [row.reshape(-1).tolist() for row in window]})
    case("window-lists", model, parquet(lists), {"y": found})
    image = RANDOM.normal(size=(SCORED, 1, 6, 6)).astype(np.float32)
    model, found = export(Picture().eval(), {"image": image})
    case("pictures", model, lambda folder: np.savez(folder / "data.npz", image=image), {"y": found})


def smooth():
    x = pd.DataFrame({"id": np.arange(COUNT), "t": 1.7e9 + RANDOM.random(COUNT), "u": RANDOM.normal(size=COUNT)})
    centred = (x[["t", "u"]] - [1.7e9, 0]).to_numpy()
    fitted = make_pipeline(StandardScaler(), GaussianProcessRegressor(RBF(), alpha=0.1)).fit(
        x[["t", "u"]].to_numpy()[:30], centred[:30].sum(1))
    model = to_onnx(fitted, initial_types=[("X", DoubleTensorType([None, 2]))])
    case("double", model, jsonl(x[:SCORED]), {outputs(model)[0]: fitted.predict(x[["t", "u"]].to_numpy()[:SCORED])})


def keras():
    """tf2onnx's MLP of the zoo, over rows with other names."""
    zoo = HERE.parent / "Zoo"
    rows = pd.read_csv(zoo / "rows/numbers.csv", dtype={"id": str})
    frame = rows.rename(columns={
        "id": "species", "x_0": "bill_length_mm", "x_1": "bill_depth_mm", "x_2": "flipper_length_mm", "x_3": "body_mass_g"})
    expected = pd.read_csv(zoo / "tf2onnx/MLP.csv")
    model = onnx.load(zoo / "tf2onnx/MLP.onnx")
    case("keras", model, csv(frame, sep=";", decimal=","), {outputs(model)[0].replace(":", "_"): expected.to_numpy()})


def glm():
    names = ["exposure", "age", "power", "density", "bonus"]
    frame = pd.DataFrame({name: RANDOM.normal(size=SCORED).astype(np.float32) for name in names}).assign(
        policy=[f"P{n}" for n in range(SCORED)])
    weights = RANDOM.normal(size=(5, 1)).astype(np.float32) * np.float32(0.3)
    port = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 1])
    graph = helper.make_graph(
        [helper.make_node("Concat", names, ["x"], axis=1), helper.make_node("MatMul", ["x", "w"], ["z"]),
         helper.make_node("Exp", ["z"], ["rate"])], "glm",
        [port(name) for name in names], [port("rate")], [onnx.numpy_helper.from_array(weights, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    case("glm", model, csv(frame), {"rate": np.exp(frame[names].to_numpy() @ weights)})


def words_of_types():
    """Booleans, days and times that a model knows as words, and names in another encoding than UTF-8."""
    random = np.random.default_rng(26)
    days = pd.Series(pd.to_datetime(random.choice(["2024-02-29", "2024-03-01", "2024-12-31"], COUNT)))
    moments = pd.Series(pd.to_datetime(
        random.choice(["2024-02-29T12:30:15.500", "2024-03-01T00:00:01", "2024-03-02T23:59:59.125"], COUNT), format="ISO8601"))
    frame = pd.DataFrame({
        "order_id": np.arange(COUNT) + 1, "member": random.random(COUNT) < 0.5, "day": days, "moment": moments,
        "city": random.choice(["Zürich", "Genève", "Chur"], COUNT),
        "amount": random.normal(size=COUNT).astype(np.float32)})
    spelled = frame.assign(
        member=frame.member.astype(str), day=days.dt.strftime("%Y-%m-%d"),
        moment=moments.map(lambda time: time.isoformat().rstrip("0") if time.microsecond else time.isoformat()))
    label = frame.member.astype(int) + (frame.amount > 0) + (frame.city == "Chur")

    def made(name, columns, write):
        features = spelled[columns]
        texts = [column for column in columns if column != "amount"]
        encoded = ColumnTransformer([("w", OneHotEncoder(handle_unknown="ignore"), texts), ("n", "passthrough", ["amount"])])
        whole = make_pipeline(encoded, LogisticRegression()).fit(features, label)
        model = to_onnx(whole, initial_types=ports(features), options={id(whole): {"zipmap": False}})
        case(name, model, write, dict(zip(outputs(model), [whole.predict(features[:SCORED]), whole.predict_proba(features[:SCORED])])))

    shown = frame[:SCORED].assign(day=days[:SCORED].dt.date)
    made("booleans-and-times", ["member", "day", "moment", "amount"], parquet(shown))
    # Text files have days only: pandas writes all times of a column with as many digits, and others do not.
    made("booleans-and-days-csv", ["member", "day", "amount"], csv(shown.drop(columns=["moment", "city"]), index=False))
    made("booleans-and-days-json", ["member", "day", "amount"],
         jsonl(shown.drop(columns=["moment", "city"]).assign(day=shown.day.astype(str))))
    made("latin-1", ["city", "amount"], csv(frame[["order_id", "city", "amount"]][:SCORED], index=False, encoding="latin-1"))


def tokens():
    """A mean of embeddings over the tokens that the mask has, over lists of different lengths."""
    random = np.random.default_rng(27)
    table = random.normal(size=(50, 3)).astype(np.float32)
    ids = [random.integers(1, 50, random.integers(1, 9)) for _ in range(SCORED)]
    axes = ["batch", "sequence"]
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "input_ids"], ["each"]),
         helper.make_node("Cast", ["attention_mask"], ["counts"], to=TensorProto.FLOAT),
         helper.make_node("Unsqueeze", ["counts", "last"], ["wide"]), helper.make_node("Mul", ["each", "wide"], ["kept"]),
         helper.make_node("ReduceSum", ["kept", "first"], ["sum"], keepdims=0),
         helper.make_node("ReduceSum", ["counts", "first"], ["length"], keepdims=1),
         helper.make_node("Div", ["sum", "length"], ["embedding"])], "tokens",
        [helper.make_tensor_value_info(name, TensorProto.INT64, axes) for name in ("input_ids", "attention_mask")],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", 3])],
        [onnx.numpy_helper.from_array(table, "table"), onnx.numpy_helper.from_array(np.array([-1]), "last"),
         onnx.numpy_helper.from_array(np.array([1]), "first")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    frame = pd.DataFrame({"text_id": [f"t{n}" for n in range(SCORED)], "input_ids": [row.tolist() for row in ids]})
    found = np.stack([table[row].mean(0) for row in ids])
    case("tokens", model, parquet(frame), {"embedding": found})
    case("tokens-json", model, jsonl(frame), {"embedding": found})


for make in (titanic, flights, forest, trees, clusters, words, nets, smooth, keras, glm, words_of_types, tokens):
    make()
