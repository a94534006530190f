// How OHIF finds this node: the same origin, signed in by the same cookie. Answered at /ohif/app-config.js.
(function () {
  // What changes something carries a header that another site cannot send; saving a report is a POST.
  const open = XMLHttpRequest.prototype.open;
  XMLHttpRequest.prototype.open = function (method, url, ...rest) {
    open.call(this, method, url, ...rest);
    if (new URL(url, location.href).origin === location.origin && method.toUpperCase() !== "GET") {
      this.setRequestHeader("X-Edge-Request", "1");
    }
  };
  const signIn = () => {
    location.href = "/sign-in?next=" + encodeURIComponent(location.pathname + location.search);
  };
  const root = location.origin + "/dicom-web";
  window.config = {
    name: "edge",
    routerBasename: "/ohif",
    extensions: [],
    modes: [],
    // No tour on the first visit: whoever reads here knows what a window is.
    customizationService: [{ "ohif.tours": { $set: [] } }],
    showStudyList: true,
    maxNumberOfWebWorkers: Math.max(1, Math.min(4, (navigator.hardwareConcurrency || 2) - 1)),
    showWarningMessageForCrossOrigin: false,
    showCPUFallbackMessage: false,
    showLoadingIndicator: true,
    strictZSpacingForVolumeViewport: true,
    groupEnabledModesFirst: true,
    maxNumRequests: { interaction: 24, thumbnail: 6, prefetch: 12 },
    showErrorDetails: "production",
    investigationalUseDialog: { option: "never" },
    defaultDataSourceName: "node",
    dataSources: [
      {
        namespace: "@ohif/extension-default.dataSourcesModule.dicomweb",
        sourceName: "node",
        configuration: {
          friendlyName: "This node",
          name: "node",
          qidoRoot: root,
          wadoRoot: root,
          wadoUriRoot: root,
          qidoSupportsIncludeField: true,
          imageRendering: "wadors",
          thumbnailRendering: "wadors",
          enableStudyLazyLoad: true,
          supportsFuzzyMatching: true,
          supportsWildcard: true,
          supportsReject: false,
          dicomUploadEnabled: false,
          omitQuotationForMultipartRequest: true,
          singlepart: "bulkdata,video,pdf",
          bulkDataURI: { enabled: true },
        },
      },
    ],
    httpErrorHandler: (error) => {
      if (error && error.status === 401) signIn();
    },
  };
  fetch("/api/v1/me", { credentials: "same-origin" }).then((answer) => {
    if (answer.status === 401) signIn();
  }, () => undefined);
})();
