// An extension of JupyterLab 4, as it is loaded: no build makes it. A notebook that is open, and in which nothing was typed since it
// was saved, follows its file: when that has changed (a server runs the notebook, POST /api/notebooks/run) it is loaded again, and
// the reader stays where they were. JupyterLab itself looks at a file again only when it is told to.
(() => {
  const PERIOD_MS = 2000;
  let shared; // packages of the page's own, as webpack's module federation hands them over

  async function use(name) {
    const versions = shared[name];
    return (await versions[Object.keys(versions)[0]].get())();
  }

  // Where the reader is: the cell, and the place on the screen.
  function placeIn(notebook) {
    const outer = notebook.node.querySelector('.jp-WindowedPanel-outer') ?? notebook.node;
    const { activeCellIndex } = notebook;
    const { scrollTop } = outer;
    return () => {
      notebook.activeCellIndex = activeCellIndex;
      requestAnimationFrame(() => { outer.scrollTop = scrollTop; });
    };
  }

  async function follow(panel, contents) {
    const { context } = panel;
    const known = context.contentsModel;
    const free = () => context.isReady && !context.isDisposed && !context.model.dirty && panel.content.mode === 'command';
    if (document.hidden || !panel.isVisible || !known || !free())
      return;
    const there = await contents.get(context.path, { content: false });
    if (there.last_modified === known.last_modified || context.contentsModel.last_modified !== known.last_modified || !free())
      return;
    const back = placeIn(panel.content);
    await context.revert();
    back();
  }

  const plugin = (INotebookTracker) => ({
    id: 'kernelgw-follow:plugin',
    description: 'A notebook that is open follows its file.',
    autoStart: true,
    requires: [INotebookTracker],
    activate: (app, tracker) => {
      const add = panel => {
        let busy = false; // a slow server is not asked again before it has answered
        const timer = setInterval(async () => {
          if (busy)
            return;
          busy = true;
          await follow(panel, app.serviceManager.contents).catch(error => console.debug('kernelgw-follow:', error.message));
          busy = false;
        }, PERIOD_MS);
        panel.disposed.connect(() => clearInterval(timer));
      };
      tracker.forEach(add); // one may be open before this is activated
      tracker.widgetAdded.connect((_, panel) => add(panel));
    },
  });

  window._JUPYTERLAB = window._JUPYTERLAB ?? {};
  window._JUPYTERLAB['kernelgw-follow'] = {
    init: scope => { shared = scope; },
    get: async () => {
      const { INotebookTracker } = await use('@jupyterlab/notebook');
      return () => ({ __esModule: true, default: plugin(INotebookTracker) });
    },
  };
})();
