/**
 * JupyterLab for notebooks of claude-kernel. Nothing here is needed: without it a notebook works all the same.
 * Other notebooks are left as they are.
 */
import { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IToolbarWidgetRegistry } from '@jupyterlab/apputils';
import { IEditorServices } from '@jupyterlab/codeeditor';
import { IEditorLanguageRegistry } from '@jupyterlab/codemirror';
import { NotebookPanel } from '@jupyterlab/notebook';

import { claude } from './language';
import { CostWidget, LANGUAGES } from './notebook';

const MIME_TYPE = 'text/x-claude';

/**
 * Has cells of our kernels read as prompts. The kernels name Markdown as their `codemirror_mode`, which is what every
 * other front end knows, and a mode is all that JupyterLab looks at.
 */
function readAsPrompts({ mimeTypeService }: IEditorServices): void {
  const usual = mimeTypeService.getMimeTypeByLanguage.bind(mimeTypeService);
  mimeTypeService.getMimeTypeByLanguage = info => (LANGUAGES.includes(info.name) ? MIME_TYPE : usual(info));
}

const plugin: JupyterFrontEndPlugin<void> = {
  id: 'claude-kernel:plugin',
  description: 'Prompts that wrap, coloured magics, stale marks and the cost of notebooks of claude-kernel.',
  autoStart: true,
  requires: [IEditorLanguageRegistry, IEditorServices],
  optional: [IToolbarWidgetRegistry],
  activate: (
    _app: JupyterFrontEnd,
    languages: IEditorLanguageRegistry,
    services: IEditorServices,
    toolbar: IToolbarWidgetRegistry | null
  ) => {
    languages.addLanguage({
      name: 'claude',
      displayName: 'Claude prompt',
      mime: MIME_TYPE,
      extensions: ['claude'],
      support: claude()
    });
    readAsPrompts(services);
    toolbar?.addFactory<NotebookPanel>('Notebook', 'claude-cost', panel => new CostWidget(panel));
  }
};

export default plugin;
