// Files keep their names from build to build: the kernel's binary holds them by name. JupyterLab's server tells the
// browser not to keep files that are asked for without a version.
module.exports = {
  output: { filename: '[name].js', chunkFilename: '[name].js' },
  optimization: { chunkIds: 'named', moduleIds: 'named', splitChunks: false }
};
