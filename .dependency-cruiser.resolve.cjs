// package.json maps `#core/x.js` to dist/core/x.js, which is right for Node. The dependency rules judge sources, whether
// or not they have been built, so here the same import means core/x.ts. In a file of its own only because
// dependency-cruiser takes aliases from nowhere but the `resolve` key of a webpack configuration; webpack is not used.
module.exports = {
  resolve: {
    alias: { '#*.js': `${__dirname}/*.ts` },
    exportsFields: ['exports'],
    conditionNames: ['node', 'import', 'require', 'types', 'default'],
  },
};
