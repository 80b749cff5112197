"""What a notebook shows of an estimator."""

from html import escape

from sklearn.utils import estimator_html_repr

from sklearn_cnn.architectures import summarize

# currentColor and transparency suit light and dark themes alike
_STYLE = """\
<style>
.sklearn-cnn-layers summary {cursor: pointer; margin: 0.5em 0}
.sklearn-cnn-layers div {overflow: auto; max-height: 30em}
.sklearn-cnn-layers table {border-collapse: collapse; font-size: 85%}
.sklearn-cnn-layers :is(th, td) {
  padding: 0.15em 0.7em; text-align: right; white-space: nowrap;
  border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent)
}
.sklearn-cnn-layers :is(th, td):nth-child(-n + 2) {text-align: left}
</style>"""

_HEADERS = (
    "layer",
    "type",
    "output shape",
    "kernel",
    "stride",
    "padding",
    "parameters",
    "multiply-adds",
    "receptive field",
)


def html_with_layers(estimator):
    """Show scikit-learn's diagram, and the layers of a fitted network beneath it."""
    diagram = estimator_html_repr(estimator)
    if not hasattr(estimator, "module_"):
        return diagram
    layout = estimator._predictor.prepare.layout
    try:
        layers = summarize(estimator.module_, layout.n_channels, layout.spatial_shape)
    except Exception as error:  # of a network of the user's own
        reason = escape(f"{type(error).__name__}: {error}")
        return f"{diagram}\n<p>The layers cannot be listed. {reason}</p>"
    rows = [[_text(value) for value in vars(layer).values()] for layer in layers]
    n_parameters = sum(layer.parameters for layer in layers)
    multiply_adds = sum(layer.multiply_adds for layer in layers)
    return (
        f'{diagram}\n{_STYLE}\n<details class="sklearn-cnn-layers" open>'
        f"<summary>{len(layers)} layers, {n_parameters:,} parameters, "
        f"{multiply_adds:,} multiply-adds per sample</summary>\n"
        f"<div><table>\n<thead>{_row(_HEADERS, 'th')}</thead>\n<tbody>\n"
        + "\n".join(_row(row, "td") for row in rows)
        + "\n</tbody></table></div></details>"
    )


def _text(value):
    if value is None:
        return ""
    if isinstance(value, tuple):
        return " × ".join(str(n) for n in value)  # noqa: RUF001
    return f"{value:,}" if isinstance(value, int) else value


def _row(cells, tag):
    return "<tr>" + "".join(f"<{tag}>{escape(c)}</{tag}>" for c in cells) + "</tr>"
