/** A file of the page. */
export interface PageAsset {
  readonly type: string;
  readonly body: string;
}

/** The page's files by path. */
export const PAGE_ASSETS: Readonly<Record<string, PageAsset>> = {};
