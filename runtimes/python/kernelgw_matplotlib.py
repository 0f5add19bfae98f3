"""Matplotlib's backend for programs: plt.show() shows the figures in the program's console, and goes on at once."""

import io

from matplotlib._pylab_helpers import Gcf
from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg

import kernelgw_display


class FigureManager(FigureManagerBase):
    def show(self):
        """The figure as it is now."""
        if not kernelgw_display.available():
            return
        figure, picture = self.canvas.figure, io.BytesIO()
        figure.savefig(picture, format="png", bbox_inches="tight")
        kernelgw_display.send({"image/png": picture.getvalue(), "text/plain": str(self.get_window_title() or figure)})

    @classmethod
    def pyplot_show(cls, *, block=None):
        # As after a window that was closed: what has been shown is gone.
        for manager in Gcf.get_all_fig_managers():
            manager.show()
        Gcf.destroy_all()


class FigureCanvas(FigureCanvasAgg):
    manager_class = FigureManager
